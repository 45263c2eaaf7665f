// The kinds of arguments, by the subject of the calls that take them.
#pragma once

#include "tests/fuzz/arguments.h"

#define KINDS_OF_ANY(X)                                                                                          \
  X(fd)                                                                                                          \
  X(fd_to)                                                                                                       \
  X(fd_number) X(out) X(in) X(len) X(zero) X(offset) X(offset_pointer) X(mode) X(path) X(text) X(pid) X(out_int) \
      X(out_well)
#define KINDS_OF_IO(X)                                                                                               \
  X(iov)                                                                                                             \
  X(iov_count)                                                                                                       \
  X(rw_flags) X(open_flags) X(lock_operation) X(lock_command) X(command_and_argument) X(request_and_argument)        \
      X(range_flags) X(pipe_flags) X(ends_out) X(sync_flags) X(splice_flags) X(small_count) X(create_flags) X(clock) \
          X(seals_flags) X(event_value) X(event_out) X(folder_fd) X(stream_mode) X(stream)
#define KINDS_OF_SOCKETS(X)                                                                                           \
  X(socket_fd)                                                                                                        \
  X(message)                                                                                                          \
  X(messages) X(message_count) X(message_flags) X(address_and_size) X(address_out_and_size) X(accept_flags) X(option) \
      X(option_value_and_size) X(family) X(type) X(protocol)
#define KINDS_OF_WAITS(X)                                                                                      \
  X(pollfds_and_count)                                                                                         \
  X(milliseconds)                                                                                              \
  X(length) X(length_left) X(length_inout) X(length_kept) X(mask_of_one) X(epoll_operation) X(epoll_event_in)  \
      X(timeval_left) X(mask) X(mask_size) X(mask_and_size) X(select_count) X(set) X(epoll_fd) X(epoll_events) \
          X(max_events) X(seconds) X(microseconds) X(sleep_flags) X(clock_time) X(deadline) X(valid_deadline)  \
              X(lock_clock)
#define KINDS_OF_PROCESSES(X)                                                                                  \
  X(wait_options)                                                                                              \
  X(status_out)                                                                                                \
  X(usage_out) X(id_type_and_id) X(information_out) X(command_line) X(thread_id) X(signal) X(user) X(id_count) \
      X(id_list) X(cpu_size) X(cpu_mask) X(policy) X(parameters) X(which) X(who) X(nice_value) X(interval_out) \
          X(map_address) X(map_length) X(protection) X(map_flags) X(msync_flags) X(own_process) X(remap_flags) \
              X(segment)
#define KINDS_OF_QUEUES(X)                                                                                \
  X(queue_fd)                                                                                             \
  X(queue_len)                                                                                            \
  X(queue_name) X(queue_open_flags) X(queue_priority) X(queue_id) X(typed_message) X(ipc_flags) X(set_id) \
      X(set_operations_and_count)
#define KINDS_OF_LOCKS(X)                                                                              \
  X(thread)                                                                                            \
  X(self)                                                                                              \
  X(mutex) X(checked_mutex) X(held_mutex) X(rwlock) X(semaphore) X(condition) X(barrier) X(futex_word) \
      X(futex_operation) X(futex_value) X(library) X(load_mode)
#define KINDS_OF_NAMES(X)                                                                                          \
  X(host)                                                                                                          \
  X(service)                                                                                                       \
  X(hints) X(pointer_out) X(name_flags) X(name_family) X(record) X(record_class) X(entry_out) X(buffer_and_size)   \
      X(binary_address) X(user_name) X(name_address_and_size) X(port) X(protocol_name) X(resolver) X(service_name) \
          X(count_inout)

namespace fuzz::kinds {
#define X(name) void name(Call&);
KINDS_OF_ANY(X)
KINDS_OF_IO(X)
KINDS_OF_SOCKETS(X)
KINDS_OF_WAITS(X)
KINDS_OF_PROCESSES(X)
KINDS_OF_QUEUES(X)
KINDS_OF_LOCKS(X)
KINDS_OF_NAMES(X)
#undef X
}  // namespace fuzz::kinds
