/*
 * Between the ACPI reader and the node tables: what nobody else calls.
 */
#pragma once

#include "lib/types.h"

/* Dense node number of a proximity domain: made when new (map), or only looked up. NUMA_NO_NODE: none. */
int acpi_map_pxm_to_node(u32 pxm);
int pxm_to_node(u32 pxm);
