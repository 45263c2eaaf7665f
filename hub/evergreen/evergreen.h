// All of evergreen's library: gevent's vocabulary in C++.
#pragma once

#include "evergreen/async_result.h"
#include "evergreen/deadline.h"
#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/io.h"
#include "evergreen/offload.h"
#include "evergreen/patch.h"
#include "evergreen/timeout.h"

// gevent's vocabulary in C++. What is in detail/ is not for users.
namespace evergreen {}
