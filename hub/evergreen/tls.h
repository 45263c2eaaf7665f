#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "evergreen/deadline.h"
#include "evergreen/socket.h"
#include "evergreen/stream_server.h"

namespace evergreen {

// What TLS has against a connection: "certificate verify failed: ...", "wrong version number", ...
class TlsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How connections are encrypted: certificates, and whom to trust. TLS 1.2 and later, by OpenSSL. An optional part: link
// evergreen-tls, too.
//
//     Socket socket = create_connection("example.org:443");
//     socket = TlsContext::client().connect(std::move(socket), "example.org");
//
//     auto context = TlsContext::server("chain.pem", "key.pem");
//     StreamServer server(":443", context.handler([](Socket& socket) { ... }));
//
// An encrypted Socket is used as any other, with these differences: calls throw TlsError, too. A stream that ends
// without the other end's goodbye is such an error, as somebody may have cut it; close() says goodbye, where that does
// not have to wait. What send() or send_all() had to leave behind when it was ended goes out with the next one. fd()
// may be readable though nothing can be received, and the other way round. No datagrams.
//
// Copies are handles of the same context.
//
// Threads: any, but a context is changed only before it is used. Fork: as Socket, but only one of the processes may go
// on with a connection.
// Follows gevent.ssl.SSLContext.
class TlsContext {
 public:
  // Of a client that verifies its server's certificate, by the system's authorities.
  static TlsContext client();
  // Of a server with a certificate and those it depends on, and its key, from PEM files. Throws TlsError.
  static TlsContext server(const std::string& chain_file, const std::string& key_file);

  // Own certificate: a client that has one shows it if it is asked for it.
  void load_certificate(const std::string& chain_file, const std::string& key_file);

  // Trusts these authorities, from a PEM file, beside those it trusts already; a server's context trusts none.
  void load_authorities(const std::string& file);

  // Whether the other end has to show a certificate that it trusts. True for clients, whose server's name is verified
  // then, too; false for servers.
  void set_verify(bool on);

  // Application protocols, the best one first: "h2", "http/1.1". ALPN.
  void set_protocols(const std::vector<std::string>& protocols);

  // Make the connection an encrypted one: the handshake of a client, and of a server. Return the same Socket. Throw
  // TlsError, EndOfStream, and as Socket's calls; the connection is closed then. `server_name`: a host or an address.
  // gevent: wrap_socket.
  [[nodiscard]] Socket connect(Socket socket, const std::string& server_name,
                               Deadline deadline = Deadline::never()) const;
  [[nodiscard]] Socket accept(Socket socket, Deadline deadline = Deadline::never()) const;

  // For StreamServer: the handshake, of `patience` at most, and then `handle` as StreamServer takes it.
  template <class F>
  [[nodiscard]] StreamServer::Handle handler(F&& handle,
                                             std::chrono::nanoseconds patience = std::chrono::seconds(30)) const {
    return [context = *this, handle = StreamServer::handle_of(std::forward<F>(handle)), patience](Socket& socket,
                                                                                                  const Address& peer) {
      socket = context.accept(std::move(socket), patience);
      handle(socket, peer);
    };
  }

  class State;

 private:
  explicit TlsContext(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

// What both ends have agreed on.
struct TlsInfo {
  std::string version;       // "TLSv1.3"
  std::string cipher;        // "TLS_AES_256_GCM_SHA384"
  std::string protocol;      // as ALPN chose it; "" if it did not
  std::string peer_subject;  // of its certificate, "CN = example.org"; "" if it has shown none
};

// How a socket is encrypted; nullopt if it is not.
std::optional<TlsInfo> tls_info(const Socket& socket);

}  // namespace evergreen
