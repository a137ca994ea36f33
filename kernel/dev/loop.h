/*
 * Loop devices as programs speak to them: numbers of the calls, and their structures.
 *
 * Mirrors Linux include/uapi/linux/loop.h, whose layout it is. Exercised by tests/user/loopdev.c.
 */
#pragma once

#include "lib/types.h"

#define LO_NAME_SIZE 64
#define LO_KEY_SIZE  32

#define LO_FLAGS_READ_ONLY 1
#define LO_FLAGS_AUTOCLEAR 4
#define LO_FLAGS_PARTSCAN  8
#define LO_FLAGS_DIRECT_IO 16
/* What LOOP_SET_STATUS may set and clear, and what LOOP_CONFIGURE may set. */
#define LOOP_SET_STATUS_SETTABLE_FLAGS	(LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN)
#define LOOP_SET_STATUS_CLEARABLE_FLAGS LO_FLAGS_AUTOCLEAR
#define LOOP_CONFIGURE_SETTABLE_FLAGS \
	(LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_PARTSCAN | LO_FLAGS_DIRECT_IO)

struct loop_info {
	int lo_number;
	unsigned long lo_device, lo_inode, lo_rdevice;
	int lo_offset, lo_encrypt_type, lo_encrypt_key_size, lo_flags;
	char lo_name[LO_NAME_SIZE];
	unsigned char lo_encrypt_key[LO_KEY_SIZE];
	unsigned long lo_init[2];
	char reserved[4];
};

struct loop_info64 {
	u64 lo_device, lo_inode, lo_rdevice; /* of the backing file; told only */
	u64 lo_offset, lo_sizelimit;	     /* bytes; 0: no limit */
	u32 lo_number, lo_encrypt_type, lo_encrypt_key_size, lo_flags;
	u8 lo_file_name[LO_NAME_SIZE], lo_crypt_name[LO_NAME_SIZE], lo_encrypt_key[LO_KEY_SIZE];
	u64 lo_init[2];
};

struct loop_config {
	u32 fd;
	u32 block_size; /* 0: as it comes */
	struct loop_info64 info;
	u64 reserved[8];
};

#define LOOP_SET_FD	    0x4c00
#define LOOP_CLR_FD	    0x4c01
#define LOOP_SET_STATUS	    0x4c02
#define LOOP_GET_STATUS	    0x4c03
#define LOOP_SET_STATUS64   0x4c04
#define LOOP_GET_STATUS64   0x4c05
#define LOOP_CHANGE_FD	    0x4c06
#define LOOP_SET_CAPACITY   0x4c07
#define LOOP_SET_DIRECT_IO  0x4c08
#define LOOP_SET_BLOCK_SIZE 0x4c09
#define LOOP_CONFIGURE	    0x4c0a
#define LOOP_CTL_ADD	    0x4c80
#define LOOP_CTL_REMOVE	    0x4c81
#define LOOP_CTL_GET_FREE   0x4c82
