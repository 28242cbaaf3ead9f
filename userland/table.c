// SPDX-License-Identifier: GPL-2.0
/*
 * Tables with aligned columns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cleanup.h"
#include "ui.h"

struct cell {
	char *text;
	enum ui_style style;
};

struct ui_table {
	const char *const *heads;
	size_t columns;
	struct cell *cells;
	size_t n, room;
};

/**
 * ui_table_new() - begin a table
 * @heads: the columns; ends with NULL and stays the caller's
 *
 * Return: an empty table, for ui_table_print() to free.
 */
struct ui_table *ui_table_new(const char *const heads[])
{
	struct ui_table *table = ui_alloc(sizeof(*table));

	table->heads = heads;
	while (heads[table->columns])
		table->columns++;
	return table;
}

/**
 * ui_table_cell() - the next cell of a table
 * @table: the table
 * @style: of its text
 * @format: as for printf()
 */
void ui_table_cell(struct ui_table *table, enum ui_style style,
		   const char *format, ...)
{
	if (table->n == table->room) {
		struct cell *cells =
			ui_alloc((table->room * 2 + 16) * sizeof(*cells));

		if (table->n)
			memcpy(cells, table->cells, table->n * sizeof(*cells));
		free(table->cells);
		table->cells = cells;
		table->room = table->room * 2 + 16;
	}
	struct cell *cell = &table->cells[table->n++];
	va_list args;

	va_start(args, format);
	if (vasprintf(&cell->text, format, args) < 0)
		cell->text = ui_strdup("");
	va_end(args);
	cell->style = style;
}

/* Columns of a terminal that a text takes. */
static int width_of(const char *text)
{
	wchar_t wide[256];
	size_t n = mbstowcs(wide, text, 256);
	int width = n < 256 ? wcswidth(wide, n) : -1;

	return width < 0 ? (int)strlen(text) : width;
}

static void print_cell(const char *text, enum ui_style style, int width,
		       bool right, bool last)
{
	int blanks = width - width_of(text);

	printf("%*s%s%s%s", right ? blanks : 0, "", ui_style(style), text,
	       ui_style_end(style));
	if (!last)
		printf("%*s", (right ? 0 : blanks) + 2, "");
}

/**
 * ui_table_print() - write a table and free it
 * @table: the table
 */
void ui_table_print(struct ui_table *table)
{
	size_t columns = table->columns;
	AUTO_FREE int *widths = ui_alloc(columns * sizeof(*widths));

	for (size_t i = 0; i < columns; i++)
		widths[i] =
			width_of(table->heads[i] + (table->heads[i][0] == '>'));
	for (size_t i = 0; i < table->n; i++) {
		int width = width_of(table->cells[i].text);

		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	for (size_t i = 0; i < columns; i++) {
		bool right = table->heads[i][0] == '>';

		print_cell(table->heads[i] + right, UI_HEAD, widths[i], right,
			   i + 1 == columns);
	}
	putchar('\n');
	for (size_t i = 0; i < table->n; i++) {
		size_t column = i % columns;

		print_cell(table->cells[i].text, table->cells[i].style,
			   widths[column], table->heads[column][0] == '>',
			   column + 1 == columns);
		if (column + 1 == columns)
			putchar('\n');
		free(table->cells[i].text);
	}
	free(table->cells);
	free(table);
}
