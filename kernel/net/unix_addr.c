/*
 * Addresses of unix-domain sockets: bind, and the way from an address to a socket.
 *
 * 1. bind to a path makes a socket file; the bound sock keeps that path open. connect walks the path, needs the right to write, and
 *    looks the inode up among the bound socks. The file stays when the socket ends; then nobody is found (ECONNREFUSED).
 * 2. An abstract name is looked up as it is, zeroes included, among the names of the same type.
 * 3. A sock gets an address once: under bindlock, so that two binds do not race, and published with release order, as readers take no lock.
 *
 * Locks: bindlock, inside a directory's i_rwsem; unix_table_lock for the tables. Mirrors Linux net/unix/af_unix.c.
 * Exercised by tests/user/unix_{stream,names}.c.
 */
#include "kernel/net/unix.h"

#include "kernel/random.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/slab/slab.h"

#define UNIX_HASH_BITS 6
#define UNIX_HASH_SIZE (1 << UNIX_HASH_BITS)
#define FAMILY_LEN     ((int)offsetof(struct sockaddr_un, sun_path))
#define AUTOBIND_NAMES (1 << 20)

DEFINE_SPINLOCK(unix_table_lock);
LIST_HEAD(unix_sockets);
/* Bound socks: by name and type, by inode number. */
static struct hlist_head abstract_table[UNIX_HASH_SIZE], path_table[UNIX_HASH_SIZE];

void unix_address_put(struct unix_address *addr)
{
	if (addr && atomic_dec_and_test(&addr->refcnt))
		kfree(addr);
}

static struct unix_address *unix_create_addr(const struct sockaddr_storage *name, int len)
{
	struct unix_address *addr = kzalloc(sizeof(*addr), GFP_KERNEL);

	if (!addr)
		return NULL;
	atomic_set(&addr->refcnt, 1);
	addr->len = len;
	memcpy(&addr->name, name, len);
	addr->abstract = !addr->name.sun_path[0];
	return addr;
}

int unix_validate_addr(const struct sockaddr_storage *addr, int len)
{
	if (len <= FAMILY_LEN || len > (int)sizeof(struct sockaddr_un) ||
	    addr->ss_family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* A path ends at its first zero, or at len: makes it a string, the zero counted. */
static int unix_mkname_path(struct sockaddr_storage *addr, int len)
{
	char *path = ((struct sockaddr_un *)addr)->sun_path;

	((char *)addr)[len] = 0;
	return FAMILY_LEN + strlen(path) + 1;
}

/* ---- tables ---- */

static struct hlist_head *abstract_bucket(const struct sockaddr_un *name, int len, int type)
{
	unsigned int hash = type;
	int i;

	for (i = 0; i < len; i++)
		hash = hash * 31 + ((const u8 *)name)[i];
	return &abstract_table[(hash ^ hash >> UNIX_HASH_BITS) & (UNIX_HASH_SIZE - 1)];
}

static struct hlist_head *path_bucket(const struct inode *inode)
{
	return &path_table[inode->i_ino & (UNIX_HASH_SIZE - 1)];
}

/* => unix_table_lock held */
static struct sock *find_abstract(const struct sockaddr_un *name, int len, int type)
{
	struct unix_sock *u;

	hlist_for_each_entry(u, abstract_bucket(name, len, type), bound)
		if (u->addr->len == len && u->sk.sk_type == type &&
		    !memcmp(&u->addr->name, name, len))
			return &u->sk;
	return NULL;
}

/* => unix_table_lock held */
static struct sock *find_by_inode(const struct inode *inode)
{
	struct unix_sock *u;

	hlist_for_each_entry(u, path_bucket(inode), bound)
		if (u->path.dentry && d_inode(u->path.dentry) == inode)
			return &u->sk;
	return NULL;
}

/* The list has a reference of its own, as /proc/net/unix shows. */
void unix_insert_sock(struct sock *sk)
{
	sock_hold(sk);
	spin_lock(&unix_table_lock);
	list_add_tail(&unix_sk(sk)->all, &unix_sockets);
	spin_unlock(&unix_table_lock);
}

void unix_remove_sock(struct sock *sk)
{
	spin_lock(&unix_table_lock);
	list_del(&unix_sk(sk)->all);
	hlist_del_init(&unix_sk(sk)->bound);
	spin_unlock(&unix_table_lock);
	sock_put(sk);
}

/* ---- bind ---- */

/* => bindlock held */
static int bind_abstract(struct unix_sock *u, struct unix_address *addr)
{
	guard(spinlock)(&unix_table_lock);
	if (find_abstract(&addr->name, addr->len, u->sk.sk_type))
		return -EADDRINUSE;
	hlist_add_head(&u->bound, abstract_bucket(&addr->name, addr->len, u->sk.sk_type));
	smp_store_release(&u->addr, addr);
	return 0;
}

static int unix_bind_abstract(struct unix_sock *u, struct sockaddr_storage *name, int len)
{
	struct unix_address *addr = unix_create_addr(name, len);
	int err;

	if (!addr)
		return -ENOMEM;
	mutex_lock(&u->bindlock);
	err = u->addr ? -EINVAL : bind_abstract(u, addr);
	mutex_unlock(&u->bindlock);
	if (err)
		unix_address_put(addr);
	return err;
}

/* The file exists and has no other user yet: it becomes this sock's address. */
static int bind_to_file(struct unix_sock *u, struct unix_address *addr, struct path *parent,
			struct dentry *dentry)
{
	guard(mutex)(&u->bindlock);
	if (u->addr)
		return -EINVAL;
	u->path.mnt = parent->mnt;
	u->path.dentry = dentry;
	path_get(&u->path);
	spin_lock(&unix_table_lock);
	hlist_add_head(&u->bound, path_bucket(d_inode(dentry)));
	smp_store_release(&u->addr, addr);
	spin_unlock(&unix_table_lock);
	return 0;
}

static int unix_bind_path(struct unix_sock *u, struct sockaddr_storage *name, int len)
{
	umode_t mode = S_IFSOCK | (0777 & ~current->fs->umask);
	struct unix_address *addr;
	struct dentry *dentry;
	struct path parent;
	int err;

	len = unix_mkname_path(name, len);
	addr = unix_create_addr(name, len);
	if (!addr)
		return -ENOMEM;
	dentry = kern_path_create(AT_FDCWD, ((struct sockaddr_un *)name)->sun_path, &parent, 0);
	err = PTR_ERR_OR_ZERO(dentry);
	if (!err) {
		err = vfs_mknod(d_inode(parent.dentry), dentry, mode, 0);
		if (!err) {
			err = bind_to_file(u, addr, &parent, dentry);
			if (err)
				vfs_unlink(d_inode(parent.dentry), dentry);
		}
		done_path_create(&parent, dentry);
	}
	if (err)
		unix_address_put(addr);
	return err == -EEXIST ? -EADDRINUSE : err;
}

int unix_bind(struct socket *sock, struct sockaddr_storage *addr, int len)
{
	struct unix_sock *u = unix_sk(sock->sk);
	int err;

	if (len == FAMILY_LEN && addr->ss_family == AF_UNIX)
		return unix_autobind(sock->sk);
	err = unix_validate_addr(addr, len);
	if (err)
		return err;
	return ((struct sockaddr_un *)addr)->sun_path[0] ? unix_bind_path(u, addr, len)
							 : unix_bind_abstract(u, addr, len);
}

int unix_autobind(struct sock *sk)
{
	struct unix_sock *u = unix_sk(sk);
	struct sockaddr_storage name = { .ss_family = AF_UNIX };
	unsigned int nr = get_random_u32(), tries;
	struct unix_address *addr;
	int err = -EADDRINUSE;

	if (smp_load_acquire(&u->addr))
		return 0;
	addr = unix_create_addr(&name, FAMILY_LEN + 6);
	if (!addr)
		return -ENOMEM;
	mutex_lock(&u->bindlock);
	if (u->addr)
		err = 0;
	for (tries = 0; !u->addr && tries < AUTOBIND_NAMES; tries++) {
		char digits[6];

		snprintf(digits, sizeof(digits), "%05x", (nr + tries) & (AUTOBIND_NAMES - 1));
		memcpy(addr->name.sun_path + 1, digits, 5);
		err = bind_abstract(u, addr);
		cond_resched();
	}
	mutex_unlock(&u->bindlock);
	if (u->addr != addr)
		unix_address_put(addr);
	return err;
}

/* ---- from an address to a socket ---- */

static struct sock *find_by_path(struct sockaddr_storage *addr, int len, int type)
{
	struct sock *sk = NULL;
	struct inode *inode;
	struct path path;
	int err;

	unix_mkname_path(addr, len);
	err = kern_path(((struct sockaddr_un *)addr)->sun_path, LOOKUP_FOLLOW, &path);
	if (err)
		return ERR_PTR(err);
	inode = d_inode(path.dentry);
	err = inode_permission(inode, MAY_WRITE);
	if (!err && S_ISSOCK(inode->i_mode)) {
		spin_lock(&unix_table_lock);
		sk = find_by_inode(inode);
		if (sk)
			sock_hold(sk);
		spin_unlock(&unix_table_lock);
	}
	path_put(&path);
	if (sk && sk->sk_type != type) {
		sock_put(sk);
		return ERR_PTR(-EPROTOTYPE);
	}
	return sk ? sk : ERR_PTR(err ? err : -ECONNREFUSED);
}

struct sock *unix_find_other(struct sockaddr_storage *addr, int len, int type)
{
	struct sockaddr_un *name = (struct sockaddr_un *)addr;
	struct sock *sk;

	if (name->sun_path[0])
		return find_by_path(addr, len, type);
	spin_lock(&unix_table_lock);
	sk = find_abstract(name, len, type);
	if (sk)
		sock_hold(sk);
	spin_unlock(&unix_table_lock);
	return sk ? sk : ERR_PTR(-ECONNREFUSED);
}

/* ---- from a socket to its address ---- */

void unix_copy_addr(struct msghdr *msg, struct sock *sk)
{
	struct unix_address *addr = sk ? smp_load_acquire(&unix_sk(sk)->addr) : NULL;

	if (!addr)
		return;
	msg->msg_namelen = addr->len;
	memcpy(msg->msg_name, &addr->name, addr->len);
}

int unix_getname(struct socket *sock, struct sockaddr_storage *to, bool peer)
{
	struct sock *sk = sock->sk;
	struct unix_address *addr;
	int len = FAMILY_LEN;

	if (peer) {
		sk = unix_peer_get(sk);
		if (!sk)
			return -ENOTCONN;
	} else {
		sock_hold(sk);
	}
	addr = smp_load_acquire(&unix_sk(sk)->addr);
	to->ss_family = AF_UNIX;
	if (addr) {
		len = addr->len;
		memcpy(to, &addr->name, len);
	}
	sock_put(sk);
	return len;
}
