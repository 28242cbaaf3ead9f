// SPDX-License-Identifier: GPL-2.0
/*
 * What libFuzzer does, where there is no clang: the kept inputs, then so many
 * random changes of them, the same each time.
 *
 *	fuzz -runs=N -seed=N DIR
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define MAX 64
#define INPUTS 512

static unsigned char input[INPUTS][MAX];
static size_t length[INPUTS];
static unsigned int inputs;

static void read_input(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(1);
	}
	length[inputs] = fread(input[inputs], 1, MAX, f);
	fclose(f);
	inputs++;
}

static void read_inputs(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)) && inputs < INPUTS)
		if (e->d_name[0] != '.')
			read_input(path, e->d_name);
	if (dir)
		closedir(dir);
	if (!inputs) {
		fprintf(stderr, "%s: no inputs\n", path);
		exit(1);
	}
}

static void run_changed(unsigned int i)
{
	size_t len = random() % 4 ? length[i] : (size_t)random() % (MAX + 1);
	unsigned char *copy;

	/* Its exact size, and nothing behind it. */
	copy = malloc(len ? len : 1);
	if (!copy)
		exit(1);
	memcpy(copy, input[i], len);
	for (unsigned int n = random() % 5; n && len; n--)
		copy[random() % len] = random() % 3 ? random()
						    : -(random() % 2);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

int main(int argc, char **argv)
{
	unsigned long runs = 0;

	srandom(1);
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "-runs=", 6))
			runs = strtoul(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "-seed=", 6))
			srandom(strtoul(argv[i] + 6, NULL, 0));
		else if (argv[i][0] != '-')
			read_inputs(argv[i]);
	}
	for (unsigned int i = 0; i < inputs; i++)
		LLVMFuzzerTestOneInput(input[i], length[i]);
	for (unsigned long i = 0; i < runs; i++)
		run_changed(random() % inputs);
	printf("%u inputs, %lu runs\n", inputs, runs);
	return 0;
}
