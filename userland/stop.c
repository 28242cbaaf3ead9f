// SPDX-License-Identifier: GPL-2.0
/*
 * Signals by which a user stops the program, while a change is made: they are
 * remembered, the library undoes the plan that runs, the command cleans up after itself,
 * and then the program ends by that signal, as whoever sent it expects.
 */
#include <signal.h>
#include <string.h>

#include "config.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof(signals) / sizeof(*signals))

static volatile sig_atomic_t first;

static void remember(int number)
{
	if (!first)
		first = number;
}

/**
 * stop_hold() - from now on signals are remembered
 *
 * One that the caller has ignored, as nohup(1) does, stays so.
 */
void stop_hold(void)
{
	const struct sigaction action = { .sa_handler = remember,
					  .sa_flags = SA_RESTART };
	struct sigaction old;

	for (size_t i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

/**
 * stop_block() - hold signals off, also from plans, until the end of the program
 */
void stop_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/**
 * stop_came() - has one come?
 *
 * Return: what to tell of it, "signal 2 (Interrupt)", good until the next call; or
 * NULL.
 */
const char *stop_came(void)
{
	static char text[80];

	if (!first)
		return NULL;
	snprintf(text, sizeof(text), "signal %d (%s)", (int)first,
		 strsignal(first));
	return text;
}

/**
 * stop_end() - from now on signals end the program, and so does one that came
 */
void stop_end(void)
{
	struct sigaction old;

	for (size_t i = 0; i < SIGNALS; i++)
		if (!sigaction(signals[i], NULL, &old) &&
		    old.sa_handler == remember)
			signal(signals[i], SIG_DFL);
	if (first)
		raise(first);
}
