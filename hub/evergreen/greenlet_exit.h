#pragma once

namespace evergreen {

// Thrown in a greenlet whose wait was interrupted because somebody ends it. gevent.GreenletExit: let it pass, so that
// destructors run. No std::exception, so that handlers of errors do not take it for one.
class GreenletExit {};

}  // namespace evergreen
