// SPDX-License-Identifier: GPL-2.0
/*
 * Messages, units, colours and progress.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cleanup.h"
#include "ui.h"

static bool colors[3]; /* by descriptor */
static bool progress_shown;

static const char *const styles[] = {
	[UI_PLAIN] = "",	[UI_HEAD] = "\033[1m", [UI_GOOD] = "\033[32m",
	[UI_WARN] = "\033[33m", [UI_BAD] = "\033[31m", [UI_FAINT] = "\033[2m",
};

/**
 * ui_init() - decide once where colours are shown
 * @color: what the user wants
 *
 * By itself, on a terminal that can, unless NO_COLOR is set to something.
 */
void ui_init(enum ui_color color)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool can = term && strcmp(term, "dumb") && !(no_color && *no_color);

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		colors[fd] = color == UI_COLOR_ALWAYS ||
			     (color == UI_COLOR_AUTO && can && isatty(fd));
}

static const char *style_on(int fd, enum ui_style style)
{
	return colors[fd] ? styles[style] : "";
}

static const char *style_off(int fd, enum ui_style style)
{
	return colors[fd] && style != UI_PLAIN ? "\033[0m" : "";
}

/**
 * ui_style() - what begins a style on standard output
 * @style: the style
 *
 * Return: an escape sequence, or "".
 */
const char *ui_style(enum ui_style style)
{
	return style_on(STDOUT_FILENO, style);
}

/**
 * ui_style_end() - what ends a style on standard output
 * @style: the style
 *
 * Return: an escape sequence, or "".
 */
const char *ui_style_end(enum ui_style style)
{
	return style_off(STDOUT_FILENO, style);
}

static void say(enum ui_style style, const char *format, va_list args)
{
	ui_progress_end();
	fflush(stdout);
	fprintf(stderr, "%svhost-scsi:%s ", style_on(STDERR_FILENO, style),
		style_off(STDERR_FILENO, style));
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

/**
 * ui_error() - what is wrong and what to do, in one line
 * @format: as for printf()
 */
void ui_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(UI_BAD, format, args);
	va_end(args);
}

/**
 * ui_note() - what somebody should know, and is no failure
 * @format: as for printf()
 */
void ui_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(UI_WARN, format, args);
	va_end(args);
}

/**
 * ui_progress() - show how far a long work is
 * @done: how much is done
 * @all: of how much
 * @what: what is done now
 *
 * On a terminal only, in one line that replaces itself and fits.
 */
void ui_progress(size_t done, size_t all, const char *what)
{
	struct winsize window = { 0 };

	if (!isatty(STDERR_FILENO))
		return;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || window.ws_col < 20)
		window.ws_col = 80;
	AUTO_FREE char *line = ui_format("[%zu/%zu] %s", done, all, what);

	fprintf(stderr, "\r\033[K%.*s", window.ws_col - 1, line);
	fflush(stderr);
	progress_shown = true;
}

/**
 * ui_progress_end() - take the progress line away
 */
void ui_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static void *or_die(void *memory)
{
	if (!memory) {
		fputs("vhost-scsi: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

/**
 * ui_alloc() - zeroed memory, or the end of the program
 * @size: how much
 *
 * Return: the memory.
 */
void *ui_alloc(size_t size)
{
	return or_die(calloc(1, size ? size : 1));
}

/**
 * ui_strdup() - a copy of a string, or the end of the program
 * @text: the string
 *
 * Return: the copy.
 */
char *ui_strdup(const char *text)
{
	return or_die(strdup(text));
}

/**
 * ui_format() - a string as by printf(), or the end of the program
 * @format: as for printf()
 *
 * Return: the string, to be freed.
 */
char *ui_format(const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return or_die(text);
}

static const char units[] = "KMGTPE";

/**
 * ui_size() - a number of bytes as a person reads it
 * @bytes: the number
 *
 * Return: "64 MiB", "1.5 GiB"; to be freed.
 */
char *ui_size(uint64_t bytes)
{
	uint64_t unit = 1;
	int n = 0;

	while (n < 6 && bytes / unit >= 1024) {
		unit <<= 10;
		n++;
	}
	if (!n)
		return ui_format("%" PRIu64 " B", bytes);
	if (bytes % unit == 0)
		return ui_format("%" PRIu64 " %ciB", bytes / unit,
				 units[n - 1]);
	return ui_format("%.1f %ciB", (double)bytes / unit, units[n - 1]);
}

/* "", "B", "K", "KB", "KiB" in either case: how far to shift; else -1. */
static int unit_shift(const char *unit)
{
	const char *at = *unit ? strchr(units, toupper((unsigned char)*unit))
			       : NULL;
	int shift = 0;

	if (at) {
		shift = 10 * (at - units + 1);
		unit++;
		if (*unit == 'i')
			unit++;
	}
	if (*unit && !strcasecmp(unit, "B"))
		unit++;
	return *unit ? -1 : shift;
}

/**
 * ui_parse_size() - a size as a person writes it
 * @text: "64M", "1.5 GiB", "4096"
 * @bytes: the size
 *
 * Return: 0, or -EINVAL for what is no size, is 0 or not in 63 bits.
 */
int ui_parse_size(const char *text, uint64_t *bytes)
{
	uint64_t whole = 0, part = 0, scale = 1;
	const char *at = text;

	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *at - '0', &whole))
			return -EINVAL;
	if (at == text)
		return -EINVAL;
	if (*at == '.') {
		const char *dot = at++;

		/* six digits are as exact as anybody means it */
		for (; isdigit((unsigned char)*at); at++)
			if (at - dot <= 6) {
				part = part * 10 + *at - '0';
				scale *= 10;
			}
		if (at == dot + 1)
			return -EINVAL;
	}
	while (*at == ' ')
		at++;
	int shift = unit_shift(at);

	if (shift < 0 || whole > ((uint64_t)INT64_MAX >> shift))
		return -EINVAL;
	part = (__uint128_t)part * ((uint64_t)1 << shift) / scale;
	*bytes = (whole << shift) + part;
	return *bytes && *bytes <= INT64_MAX ? 0 : -EINVAL;
}

/**
 * ui_parse_number() - a decimal number
 * @text: the number
 * @max: the largest that will do
 * @number: the number
 *
 * Return: 0, or -EINVAL.
 */
int ui_parse_number(const char *text, unsigned long max, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || *number > max)
		return -EINVAL;
	return 0;
}
