/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a person sees: messages, tables, units, colours, progress. What a program
 * reads goes to standard output and nothing else does.
 */
#ifndef UI_H
#define UI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UI_PRINTF(at, first) __attribute__((format(printf, at, first)))

/** enum ui_color - when colours are shown */
enum ui_color {
	UI_COLOR_AUTO,
	UI_COLOR_ALWAYS,
	UI_COLOR_NEVER
};

/** enum ui_style - what a text is, not how it looks */
enum ui_style {
	UI_PLAIN,
	UI_HEAD, /* of a table or a section */
	UI_GOOD,
	UI_WARN,
	UI_BAD,
	UI_FAINT, /* what is there to be complete */
};

void ui_init(enum ui_color color);
/* The sequence that begins or ends a style on standard output; "" without colours. */
const char *ui_style(enum ui_style style);
const char *ui_style_end(enum ui_style style);

/* A line on standard error with the command's name before it. */
void ui_error(const char *format, ...) UI_PRINTF(1, 2);
void ui_note(const char *format, ...) UI_PRINTF(1, 2);
/* One line that replaces itself if standard error is a terminal, else nothing. */
void ui_progress(size_t done, size_t all, const char *what);
void ui_progress_end(void);

/* Memory, or the end of the program: nothing is half done where these are called. */
void *ui_alloc(size_t size);
char *ui_strdup(const char *text);
char *ui_format(const char *format, ...) UI_PRINTF(1, 2);

/* "64 MiB", exact if it can be with three digits, else with one decimal. To be freed. */
char *ui_size(uint64_t bytes);
/* "64M", "1.5G", "512", "1GiB": units are of 1024. 0, or -EINVAL. */
int ui_parse_size(const char *text, uint64_t *bytes);
int ui_parse_number(const char *text, unsigned long max, unsigned long *number);

struct ui_table;
/* @heads ends with NULL; a column whose head begins with '>' is aligned to the right. */
struct ui_table *ui_table_new(const char *const heads[]);
/* The next cell, row by row. */
void ui_table_cell(struct ui_table *table, enum ui_style style,
		   const char *format, ...) UI_PRINTF(3, 4);
/* To standard output; frees it. */
void ui_table_print(struct ui_table *table);

/* The known word that @word was probably meant to be, or NULL. @known ends with NULL. */
const char *words_nearest(const char *word, const char *const known[]);

#endif
