// What this part needs of OpenSSL.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "evergreen/tls.h"

namespace evergreen {

template <auto free>
struct FreeBy {
  void operator()(auto* object) const noexcept { free(object); }
};

// Throws what OpenSSL has noted of a call that failed.
[[noreturn]] inline void throw_tls_error(const std::string& call) {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  throw TlsError(call + ": " + (reason != nullptr ? reason : "failed"));
}

class TlsContext::State {
 public:
  explicit State(const SSL_METHOD* method) : context(SSL_CTX_new(method)) {
    if (context == nullptr) throw_tls_error("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  }

  std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>> context;
  std::vector<unsigned char> protocols;  // as ALPN writes them
  bool verifies_name = false;
};

}  // namespace evergreen
