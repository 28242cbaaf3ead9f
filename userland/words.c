// SPDX-License-Identifier: GPL-2.0
/*
 * The known word that an unknown one was probably meant to be.
 */
#include <string.h>

#include "ui.h"

#define LONGEST 64

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* How many letters were left out, put in, replaced, or swapped with the next. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int rows[3][LONGEST + 1];
	unsigned int *before = rows[0], *last = rows[1], *row = rows[2];
	size_t n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int d = last[j - 1] + (a[i - 1] != b[j - 1]);

			d = least(d, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d = least(d, before[j - 2] + 1);
			row[j] = d;
		}
		unsigned int *old = before;

		before = last;
		last = row;
		row = old;
	}
	return last[m];
}

/**
 * words_nearest() - the word that was probably meant
 * @word: what was written
 * @known: what could have been; ends with NULL
 *
 * A word that @word is the beginning of is near, however long.
 *
 * Return: one of @known, or NULL if none is near.
 */
const char *words_nearest(const char *word, const char *const known[])
{
	const char *nearest = NULL;
	size_t n = strlen(word);
	unsigned int best = n < 4 ? 2 : n < 8 ? 3 : 4;

	for (; *known; known++) {
		unsigned int d = distance(word, *known);

		if (n > 1 && !strncmp(word, *known, n))
			d = least(d, 1);
		/* nothing of the word is left */
		if (d < best && d < n) {
			best = d;
			nearest = *known;
		}
	}
	return nearest;
}
