// SPDX-License-Identifier: GPL-2.0
/*
 * Values out of JSON, by name and type, and what is wrong with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "js.h"

#define FILE_MAX (64 << 20) /* of ten thousand LUNs takes a tenth of it */
#define DEPTH_MAX 16

static char *read_all(int fd, size_t *n)
{
	char *text = NULL;
	size_t room = 0;

	*n = 0;
	for (;;) {
		if (*n == room) {
			char *more = realloc(text, room += 65536);

			if (!more)
				break;
			text = more;
		}
		ssize_t got = read(fd, text + *n, room - *n);

		if (!got)
			return text;
		if (got < 0 && errno == EINTR)
			continue;
		*n += got > 0 ? got : 0;
		if (*n > FILE_MAX)
			errno = EFBIG;
		if (got < 0 || *n > FILE_MAX)
			break;
	}
	free(text);
	return NULL;
}

static size_t line_of(const char *text, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

/* Nothing but blanks follows. */
static bool is_end(const char *text, size_t n)
{
	return strspn(text, " \t\r\n") >= n;
}

static struct json_object *parse(struct js_file *file, const char *text,
				 size_t n)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *object = NULL;

	if (!tokener) {
		ui_error("out of memory");
		return NULL;
	}
	json_tokener_set_flags(
		tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
				 JSON_TOKENER_ALLOW_TRAILING_CHARS);
	object = json_tokener_parse_ex(tokener, text, n);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);

	if (error == json_tokener_continue)
		ui_error("%s:%zu: this is not JSON: it ends too early",
			 file->name, line_of(text, n));
	else if (error != json_tokener_success)
		ui_error("%s:%zu: this is not JSON: %s", file->name,
			 line_of(text, end), json_tokener_error_desc(error));
	else if (!is_end(text + end, n - end))
		ui_error("%s:%zu: something follows the JSON", file->name,
			 line_of(text, end));
	else if (!json_object_is_type(object, json_type_object))
		ui_error(
			"%s: this is no configuration: it has to be a JSON object, {...}",
			file->name);
	else
		goto out;
	file->failed = true;
	json_object_put(object);
	object = NULL;
out:
	json_tokener_free(tokener);
	return object;
}

/**
 * js_read() - read a file
 * @file: what is told of it; its name is set
 * @path: where it is, or "-" for standard input
 *
 * Return: the object that the file is, or NULL after saying why not.
 */
struct json_object *js_read(struct js_file *file, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	AUTO_CLOSE int opened = is_stdin ? -1
					 : open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t n;

	file->name = is_stdin ? "standard input" : path;
	file->failed = false;
	if (!is_stdin && opened < 0) {
		ui_error("cannot open %s: %s", path, strerror(errno));
		return NULL;
	}
	text = read_all(is_stdin ? STDIN_FILENO : opened, &n);
	if (!text) {
		ui_error("cannot read %s: %s", file->name, strerror(errno));
		return NULL;
	}
	/* is_end() reads to a NUL */
	if (memchr(text, '\0', n)) {
		ui_error("%s: this is not JSON: it has a NUL byte", file->name);
		return NULL;
	}
	char *ended = realloc(text, n + 1);

	if (!ended)
		return NULL;
	text = ended;
	text[n] = '\0';
	return parse(file, text, n);
}

/**
 * js_wrong() - say what is wrong with a value
 * @js: the object that has it
 * @key: its name, or NULL for the object itself
 * @format: as for printf()
 *
 * Return: -EINVAL.
 */
int js_wrong(const struct js *js, const char *key, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!js->file->failed)
		ui_error("%s: %s%s%s: %s", js->file->name, js->path,
			 *js->path && key ? "." : "", key ? key : "", text);
	js->file->failed = true;
	return -EINVAL;
}

/**
 * js_only() - whether an object has names that mean nothing
 * @js: the object
 * @known: the names that mean something; ends with NULL
 *
 * Return: 0, or -EINVAL.
 */
int js_only(const struct js *js, const char *const known[])
{
	json_object_object_foreach(js->object, key, value)
	{
		bool found = false;

		(void)value;
		for (size_t i = 0; known[i] && !found; i++)
			found = !strcmp(known[i], key);
		if (found)
			continue;
		const char *nearest = words_nearest(key, known);

		if (nearest)
			return js_wrong(js, key, "unknown; did you mean '%s'?",
					nearest);
		return js_wrong(
			js, key,
			"unknown; vhost-scsi.json(5) lists what there is");
	}
	return 0;
}

/* 1: it is there and of that type; 0: it is not there. */
static int get(const struct js *js, const char *key, bool needed,
	       enum json_type type, const char *what,
	       struct json_object **value)
{
	bool there = json_object_object_get_ex(js->object, key, value);

	if (!there && needed)
		return js_wrong(js, key, "is lacking; it has to be %s", what);
	if (there && !json_object_is_type(*value, type))
		return js_wrong(js, key, "has to be %s", what);
	return there;
}

/* A string without a NUL, for it becomes a C string. */
static int text_of(const struct js *js, const char *key,
		   struct json_object *value, const char **text)
{
	const char *got = json_object_get_string(value);

	if (strlen(got) != (size_t)json_object_get_string_len(value) ||
	    strchr(got, '\n'))
		return js_wrong(js, key, "has a NUL or a newline in it");
	*text = got;
	return 0;
}

/**
 * js_string() - a string
 * @js: the object
 * @key: its name
 * @needed: whether it has to be there
 * @value: the string, the object's own
 *
 * Return: 0, or -EINVAL.
 */
int js_string(const struct js *js, const char *key, bool needed,
	      const char **value)
{
	struct json_object *object;
	int rc = get(js, key, needed, json_type_string, "a string", &object);

	if (rc <= 0)
		return rc;
	if (!json_object_get_string_len(object))
		return js_wrong(js, key, "is empty");
	return text_of(js, key, object, value);
}

/**
 * js_number() - a whole number
 * @js: the object
 * @key: its name
 * @needed: whether it has to be there
 * @max: the largest; the smallest is 0
 * @value: the number
 *
 * Return: 0, or -EINVAL.
 */
int js_number(const struct js *js, const char *key, bool needed,
	      unsigned long max, unsigned long *value)
{
	struct json_object *object;
	int rc = get(js, key, needed, json_type_int, "a whole number", &object);

	if (rc <= 0)
		return rc;
	int64_t number = json_object_get_int64(object);

	if (number < 0 || (uint64_t)number > max)
		return js_wrong(js, key, "has to be from 0 to %lu", max);
	*value = number;
	return 0;
}

/**
 * js_size() - a size, as a number of bytes or as a string with a unit
 * @js: the object
 * @key: its name
 * @needed: whether it has to be there
 * @value: the size, not 0
 *
 * Return: 0, or -EINVAL.
 */
int js_size(const struct js *js, const char *key, bool needed, uint64_t *value)
{
	struct json_object *object;

	if (json_object_object_get_ex(js->object, key, &object) &&
	    json_object_is_type(object, json_type_string)) {
		const char *text;

		if (text_of(js, key, object, &text))
			return -EINVAL;
		if (ui_parse_size(text, value))
			return js_wrong(js, key,
					"'%s' is no size, such as \"64M\"",
					text);
		return 0;
	}
	unsigned long number = 0;
	int rc = js_number(js, key, needed, INT64_MAX, &number);

	if (rc || !json_object_object_get_ex(js->object, key, &object))
		return rc;
	if (!number)
		return js_wrong(js, key, "is 0");
	*value = number;
	return 0;
}

/**
 * js_bool() - true or false
 * @js: the object
 * @key: its name; it need not be there
 * @value: what it is
 *
 * Return: 0, or -EINVAL.
 */
int js_bool(const struct js *js, const char *key, bool *value)
{
	struct json_object *object;
	int rc = get(js, key, false, json_type_boolean, "true or false",
		     &object);

	if (rc > 0)
		*value = json_object_get_boolean(object);
	return rc < 0 ? rc : 0;
}

/**
 * js_is_null() - whether null was written
 * @js: the object
 * @key: the name
 *
 * Return: whether it is there, and null.
 */
bool js_is_null(const struct js *js, const char *key)
{
	struct json_object *object;

	return json_object_object_get_ex(js->object, key, &object) && !object;
}

/* An object that is an item of a list. */
static int get_item(const struct js *js, const char *key,
		    struct json_object *list, size_t index, struct js *item)
{
	item->file = js->file;
	item->object = json_object_array_get_idx(list, index);
	if (snprintf(item->path, sizeof(item->path), "%s%s%s[%zu]", js->path,
		     *js->path ? "." : "", key,
		     index) >= (int)sizeof(item->path))
		return js_wrong(js, key, "is too deep");
	if (!json_object_is_type(item->object, json_type_object))
		return js_wrong(item, NULL, "has to be an object, {...}");
	return 0;
}

/**
 * js_each() - read the objects of a list, in their order
 * @js: the object that has the list
 * @key: the list's name; it need not be there
 * @read: reads one; returns -EINVAL after js_wrong(), or what is added up
 * @arg: handed to @read
 *
 * Return: the sum, or -EINVAL for the first that is wrong.
 */
int js_each(const struct js *js, const char *key,
	    int (*read)(const struct js *item, void *arg), void *arg)
{
	struct json_object *list;
	int rc = get(js, key, false, json_type_array, "a list, [...]", &list);
	size_t n = rc > 0 ? json_object_array_length(list) : 0;
	int sum = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		struct js item;

		rc = get_item(js, key, list, i, &item);
		rc = rc ? rc : read(&item, arg);
		sum += rc;
	}
	return rc < 0 ? rc : sum;
}

/**
 * js_target() - add the target that an object names as "wwn"
 * @js: the object
 * @config: where it is added
 *
 * Return: the target, or NULL after saying what is wrong.
 */
struct vscsi_target *js_target(const struct js *js, struct vscsi_config *config)
{
	const char *wwn;

	if (js_string(js, "wwn", true, &wwn))
		return NULL;
	const char *wrong = vscsi_wwn_wrong(wwn, false);
	struct vscsi_target *target =
		wrong ? NULL : vscsi_config_add_target(config, wwn);

	if (wrong)
		js_wrong(js, "wwn", "'%s': %s", wwn, wrong);
	else if (!target)
		js_wrong(js, "wwn", "%s is there twice", wwn);
	return target;
}

static int add_attr(const struct js *js, const char *name,
		    struct json_object *value, struct vscsi_attrs *attrs)
{
	char number[24];
	const char *text = number;

	/* it becomes the name of a file */
	if (!*name || strchr(name, '/') || *name == '.')
		return js_wrong(js, name, "is no name of an attribute");
	switch (json_object_get_type(value)) {
	case json_type_int:
		snprintf(number, sizeof(number), "%" PRId64,
			 json_object_get_int64(value));
		break;
	case json_type_boolean:
		text = json_object_get_boolean(value) ? "1" : "0";
		break;
	case json_type_string:
		if (text_of(js, name, value, &text))
			return -EINVAL;
		if (!*text)
			return js_wrong(js, name, "is empty");
		break;
	default:
		return js_wrong(js, name, "has to be a number or a string");
	}
	if (vscsi_attrs_set(attrs, name, text))
		return js_wrong(js, name, "is no name of an attribute");
	return 0;
}

/**
 * js_attrs() - an object whose members are attributes
 * @js: the object that has it
 * @key: its name; it need not be there
 * @attrs: where the attributes go
 *
 * Return: 0, or -EINVAL.
 */
int js_attrs(const struct js *js, const char *key, struct vscsi_attrs *attrs)
{
	struct json_object *object;
	int rc = get(js, key, false, json_type_object, "an object, {...}",
		     &object);
	struct js all = { .file = js->file };

	if (rc <= 0)
		return rc;
	all.object = object;
	snprintf(all.path, sizeof(all.path), "%.100s%s%s", js->path,
		 *js->path ? "." : "", key);
	json_object_object_foreach(object, name, value)
	{
		if (add_attr(&all, name, value, attrs))
			return -EINVAL;
	}
	return 0;
}
