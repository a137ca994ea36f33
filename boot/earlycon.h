/*
 * The first console: polled output on the first serial port, until the tty driver takes over.
 */
#pragma once

/* Finds the port and registers it with the log. => boot CPU, once, early; nothing happens without a port */
void early_console_init(void);
