#include "evergreen/wait.h"

#include <algorithm>

namespace evergreen::detail {

bool kill_all(const std::vector<AnyGreenlet>& greenlets, const std::exception_ptr& exception, Deadline deadline) {
  const AnyGreenlet self = getcurrent();
  for (const AnyGreenlet& greenlet : greenlets) {
    if (greenlet != self) greenlet.kill(exception, Deadline::now());
  }
  if (std::ranges::find(greenlets, self) != greenlets.end()) self.kill(exception);
  return std::ranges::all_of(greenlets, [&](const AnyGreenlet& greenlet) { return greenlet.join(deadline); });
}

}  // namespace evergreen::detail
