#include "patch/blocking.h"

#include <new>

namespace evergreen::patch {

RestOf::RestOf(const iovec* list, std::size_t count, std::size_t done) : list_(new (std::nothrow) iovec[count]) {
  if (list_ == nullptr) return;  // an empty list: the transfer ends with what was done
  for (std::size_t i = 0; i < count; ++i) {
    if (done >= list[i].iov_len) {
      done -= list[i].iov_len;
      continue;
    }
    list_[count_++] = {static_cast<char*>(list[i].iov_base) + done, list[i].iov_len - done};
    done = 0;
  }
}

std::size_t total_size(const iovec* list, std::size_t count) noexcept {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) size += list[i].iov_len;
  return size;
}

}  // namespace evergreen::patch
