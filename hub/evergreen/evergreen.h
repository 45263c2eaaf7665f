// All of evergreen's library: gevent's vocabulary in C++.
#pragma once

#include "evergreen/address.h"
#include "evergreen/async_result.h"
#include "evergreen/channel.h"
#include "evergreen/barrier.h"
#include "evergreen/condition.h"
#include "evergreen/datagram_server.h"
#include "evergreen/deadline.h"
#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/hub.h"
#include "evergreen/loop_exit.h"
#include "evergreen/io.h"
#include "evergreen/lock.h"
#include "evergreen/offload.h"
#include "evergreen/priority_queue.h"
#include "evergreen/queue.h"
#include "evergreen/queue_error.h"
#include "evergreen/semaphore.h"
#include "evergreen/line_reader.h"
#include "evergreen/offload.h"
#include "evergreen/server.h"
#include "evergreen/socket.h"
#include "evergreen/run_info.h"
#include "evergreen/patch.h"
#include "evergreen/stream_server.h"
#include "evergreen/timeout.h"
#include "evergreen/wait.h"

// gevent's vocabulary in C++. What is in detail/ is not for users.
namespace evergreen {}
