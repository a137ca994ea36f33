/*
 * /proc/net/unix: one line for each unix-domain socket; /proc/sys/net/unix.
 *
 * The first column is where Linux shows an address of the kernel, or zeroes to those who may not see one: zeroes here.
 *
 * Lock: unix_table_lock while lines are printed. Mirrors Linux net/unix/af_unix.c, sysctl_net_unix.c. Exercised by
 * tests/user/unix_names.c.
 */
#include "kernel/fs/proc/proc.h"
#include "kernel/init.h"
#include "kernel/net/unix.h"

#define SO_ACCEPTCON 0x10000

enum { SS_UNCONNECTED = 1, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING };

/* Record 0 is the heading. */
static void *unix_seq_start(struct seq_file *m, loff_t *pos)
{
	loff_t left = *pos;
	struct unix_sock *u;

	spin_lock(&unix_table_lock);
	if (!left)
		return &unix_sockets;
	list_for_each_entry(u, &unix_sockets, all)
		if (!--left)
			return &u->all;
	return NULL;
}

static void *unix_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct list_head *next = ((struct list_head *)v)->next;

	++*pos;
	return next == &unix_sockets ? NULL : next;
}

static void unix_seq_stop(struct seq_file *m, void *v)
{
	spin_unlock(&unix_table_lock);
}

static void show_name(struct seq_file *m, const struct unix_address *addr)
{
	int i, len = addr->len - offsetof(struct sockaddr_un, sun_path) - !addr->abstract;

	seq_putc(m, ' ');
	for (i = 0; i < len; i++)
		seq_putc(m, addr->name.sun_path[i] ? addr->name.sun_path[i] : '@');
}

static int unix_seq_show(struct seq_file *m, void *v)
{
	struct unix_sock *u = list_entry(v, struct unix_sock, all);
	bool connected, accepted;
	unsigned long ino;

	if (v == &unix_sockets) {
		seq_puts(m, "Num       RefCount Protocol Flags    Type St Inode Path\n");
		return 0;
	}
	unix_state_lock(&u->sk);
	connected = u->sk.sk_state == TCP_ESTABLISHED;
	accepted = u->sk.sk_socket && u->sk.sk_socket->file;
	ino = accepted ? file_inode(u->sk.sk_socket->file)->i_ino : 0;
	seq_printf(m, "%016x: %08X %08X %08X %04X %02X %5lu", 0, atomic_read(&u->sk.sk_refcnt), 0,
		   u->sk.sk_state == TCP_LISTEN ? SO_ACCEPTCON : 0, u->sk.sk_type,
		   accepted ? (connected ? SS_CONNECTED : SS_UNCONNECTED)
			    : (connected ? SS_CONNECTING : SS_DISCONNECTING),
		   ino);
	unix_state_unlock(&u->sk);
	if (u->addr)
		show_name(m, u->addr);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations unix_seq_ops = {
	.start = unix_seq_start,
	.stop = unix_seq_stop,
	.next = unix_seq_next,
	.show = unix_seq_show,
};

static int unix_seq_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &unix_seq_ops);
}

static const struct file_operations unix_seq_fops = {
	.open = unix_seq_open,
	.read = seq_read,
	.read_kernel = seq_read_kernel,
	.llseek = seq_lseek,
	.release = seq_release,
};

static int unix_proc_init(void)
{
	struct proc_dir_entry *net = proc_mkdir("net", NULL), *dir = proc_sys_dir("net");

	dir = dir ? proc_mkdir("unix", dir) : NULL;
	if (!net || !dir)
		return -ENOMEM;
	proc_create_data("unix", 0444, net, &unix_seq_fops, NULL);
	proc_create_int("max_dgram_qlen", 0644, dir, &sysctl_max_dgram_qlen, 0, INT_MAX);
	return 0;
}
fs_initcall(unix_proc_init);
