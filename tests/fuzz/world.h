// The descriptors and files that calls are given: under the same numbers and names in both runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tests/fuzz/random.h"

namespace fuzz {

struct Descriptor {
  int fd;
  int peer;  // the other end, by which a call that waits for this one can be ended; -1
  const char* name;
};

// Ends the program where the kernel refuses what the world needs.
int must(long result);

enum class Sort { any, socket, epoll, directory, queue };

// System V's, which outlive their processes: made by the fuzzer, and brought to one state by each child.
void make_queues();
void remove_queues();
void empty_queues();
int message_queue();
int semaphore_set();

// In the child, before it makes threads. `folder` is the working directory.
void make_folder();
void make_world(bool with_child);

void make_descriptors();  // a part of it

const Descriptor& any_descriptor(Random& random, Sort sort = Sort::any);
std::span<const Descriptor> all_descriptors();
const char* name_of(int fd);  // "?" if it is none of the world's

pid_t ended_child();      // not yet reaped, if there is one
pid_t name_child(pid_t);  // what it is called in the output: the same in both runs

// The state of all open descriptors: what a program could see of them. In words where `words` is no nullptr.
std::uint64_t hash_world(std::string* words);

}  // namespace fuzz
