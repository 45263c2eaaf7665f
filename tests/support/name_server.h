// A name server on loopback, in this process: a thread that asks it waits until another one answers.
//
// host.example has the addresses 10.1.2.3 and fd00::1:2:3, and they have that name. No other name exists.
#pragma once

enum { kQuerySize = 512, kMostAtOnce = 100 };

void open_name_server(void);
void close_name_server(void);

// The calling thread's resolver asks it from now on, once and patiently, after /etc/hosts.
void ask_name_server(void);

// Waits for so many queries, and answers each; or all when the last has come.
void answer_queries(int queries);
void answer_all_at_once(int queries);
