// The hub inside another program's loop, glib's: greenlets and glib's callbacks on one kernel thread, and each can wait
// for the other. A program with GTK looks the same.
#include <evergreen/evergreen.h>
#include <glib.h>

#include <chrono>
#include <cstdio>
#include <string>

using namespace std::chrono_literals;
using evergreen::AsyncResult, evergreen::get_hub;

namespace {

// The hub as a source of events.
struct HubSource {
  static GSource* attach() {
    static GSourceFuncs functions{prepare, check, dispatch, nullptr, nullptr, nullptr};
    GSource* source = g_source_new(&functions, sizeof(GSource));
    descriptor = g_source_add_unix_fd(source, get_hub().fd(), G_IO_IN);
    g_source_attach(source, nullptr);
    return source;
  }

  // Before glib waits; what the hub's own waits need makes the descriptor readable.
  static gboolean prepare(GSource*, gint* timeout) {
    *timeout = -1;
    return get_hub().deadline().has_passed() ? TRUE : FALSE;
  }
  static gboolean check(GSource* source) { return g_source_query_unix_fd(source, descriptor) != 0 ? TRUE : FALSE; }
  static gboolean dispatch(GSource*, GSourceFunc, gpointer) {
    get_hub().step();
    return G_SOURCE_CONTINUE;
  }

  static inline gpointer descriptor = nullptr;
};

// What a greenlet waits for, and a callback of glib's gives.
AsyncResult<std::string> answer;

void ask() {
  std::puts("greenlet: what is the answer?");
  std::printf("greenlet: it is %s\n", answer.get().c_str());
  evergreen::sleep(5ms);
  const int sum = evergreen::offload([] { return 20 + 22; });
  std::printf("greenlet: and computed elsewhere it is %d\n", sum);
}

gboolean on_timer(gpointer) {
  std::puts("glib: a timer has fired");
  answer.set("forty-two");
  return G_SOURCE_REMOVE;
}

}  // namespace

int main() {
  GMainLoop* loop = g_main_loop_new(nullptr, FALSE);
  GSource* source = HubSource::attach();

  const auto asking = evergreen::spawn(ask);
  asking.link([=](const evergreen::AnyGreenlet&) { g_main_loop_quit(loop); });
  g_timeout_add(10, on_timer, nullptr);
  g_main_loop_run(loop);

  std::puts("done");
  g_source_destroy(source);
  g_source_unref(source);
  g_main_loop_unref(loop);
}
