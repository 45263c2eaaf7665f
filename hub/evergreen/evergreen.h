// All of evergreen's library: gevent's vocabulary in C++.
#pragma once

#include "evergreen/address.h"
#include "evergreen/async_result.h"
#include "evergreen/deadline.h"
#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/hub.h"
#include "evergreen/io.h"
#include "evergreen/loop_exit.h"
#include "evergreen/offload.h"
#include "evergreen/process.h"
#include "evergreen/run_info.h"
#include "evergreen/signal.h"
#include "evergreen/line_reader.h"
#include "evergreen/offload.h"
#include "evergreen/socket.h"
#include "evergreen/run_info.h"
#include "evergreen/patch.h"
#include "evergreen/thread_pool.h"
#include "evergreen/timeout.h"

// gevent's vocabulary in C++. What is in detail/ is not for users.
namespace evergreen {}
