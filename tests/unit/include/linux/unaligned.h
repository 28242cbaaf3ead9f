/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loads and stores byte by byte: no alignment to get wrong, and independent of
 * this machine's byte order.
 */
#ifndef UNIT_LINUX_UNALIGNED_H
#define UNIT_LINUX_UNALIGNED_H

#include <linux/types.h>

static inline u64 unit_load(const void *p, unsigned int bytes, bool le)
{
	const u8 *b = p;
	u64 val = 0;

	for (unsigned int i = 0; i < bytes; i++)
		val = val << 8 | b[le ? bytes - 1 - i : i];
	return val;
}

static inline void unit_store(u64 val, void *p, unsigned int bytes, bool le)
{
	u8 *b = p;

	for (unsigned int i = 0; i < bytes; i++) {
		b[le ? i : bytes - 1 - i] = val & 0xff;
		val >>= 8;
	}
}

#define UNIT_ACCESSORS(bits, type, order, le)                             \
	static inline type get_unaligned_##order##bits(const void *p)     \
	{                                                                 \
		return unit_load(p, bits / 8, le);                        \
	}                                                                 \
	static inline void put_unaligned_##order##bits(type val, void *p) \
	{                                                                 \
		unit_store(val, p, bits / 8, le);                         \
	}

UNIT_ACCESSORS(16, u16, le, true)
UNIT_ACCESSORS(24, u32, le, true)
UNIT_ACCESSORS(32, u32, le, true)
UNIT_ACCESSORS(64, u64, le, true)
UNIT_ACCESSORS(16, u16, be, false)
UNIT_ACCESSORS(24, u32, be, false)
UNIT_ACCESSORS(32, u32, be, false)
UNIT_ACCESSORS(64, u64, be, false)

#endif
