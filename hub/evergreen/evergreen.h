// All of evergreen's library: gevent's vocabulary in C++.
#pragma once

#include "evergreen/deadline.h"
#include "evergreen/event.h"
#include "evergreen/greenlet.h"
#include "evergreen/greenlet_exit.h"
#include "evergreen/offload.h"
#include "evergreen/patch.h"
#include "evergreen/timeout.h"
