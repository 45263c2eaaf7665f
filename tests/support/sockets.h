// Pipes, socket pairs and loopback sockets for the cases; every step is checked.
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

enum { kReadEnd = 0, kWriteEnd = 1 };

void open_pipe(int ends[2]);
void open_pair(int type, int ends[2]);  // connected unix sockets
void open_tcp_pair(int ends[2]);        // connected over loopback
void open_slow_tcp_pair(int ends[2]);   // the same, with small buffers: they hold far less than kLarge
void close_both(int ends[2]);

int tcp_listener(int backlog, struct sockaddr_in* address);
int tcp_connected(const struct sockaddr_in* address);
int udp_bound(struct sockaddr_in* address);

void check_blocking(int fd);           // O_NONBLOCK is not set
void set_nonblocking(int fd, int on);  // as the program itself may do
size_t fill(int fd);                   // writes until EAGAIN; returns the number of bytes
void drain(int fd, size_t bytes);      // reads exactly so many
void read_exactly(int fd, void* buffer, size_t size);

// More than any buffer holds. Its bytes differ between neighbours and between pages, so that a lost or doubled piece
// shows.
enum { kLarge = 1 << 20 };
extern unsigned char large[kLarge];
void drain_pattern(int fd, size_t bytes);  // reads so many and compares each with those of `large`

// The two sides of plain waits, for meet(); `ends` is an int[2]. They check that O_NONBLOCK is never set.
void read_hello(void* ends);
void write_hello(void* ends);
void write_large(void* ends);
void drain_large(void* ends);
void close_read_end(void* ends);
void close_write_end(void* ends);
void shut_down_writing(void* ends);
