// OpenSSL sees only memory: what it wants to send is kept until it has gone out, so that a call which is ended leaves
// no torn record behind; and no call of it waits.
#include <arpa/inet.h>

#include <array>
#include <mutex>
#include <utility>

#include "hub/net/socket_state.h"
#include "hub/tls/openssl.h"

namespace evergreen {
namespace {

using detail::SocketState;

constexpr std::size_t record = 16384;  // the most that one of TLS carries

class TlsTransport final : public detail::Transport {
 public:
  TlsTransport(std::shared_ptr<TlsContext::State> context, bool is_client, const std::string& server_name);

  void shake_hands(SocketState& socket, Deadline deadline);
  std::size_t receive(SocketState& socket, std::span<char> into, Deadline deadline) override;
  std::size_t send(SocketState& socket, std::string_view data, Deadline deadline) override;
  void end_sending(SocketState& socket, Deadline deadline) override;
  void say_goodbye(SocketState& socket) noexcept override;
  TlsInfo info();

 private:
  void expect(const std::string& name);
  void fetch(SocketState& socket, const char* what, Deadline deadline);
  void flush(SocketState& socket, Deadline deadline);
  void flush_if_heard(SocketState& socket, Deadline deadline);
  void take_output();
  [[noreturn]] void fail(const char* what);
  template <class Call>
  int try_to(Call call);

  const std::shared_ptr<TlsContext::State> context_;
  std::mutex lock_;  // guards ssl_; never held while waiting
  std::unique_ptr<SSL, FreeBy<SSL_free>> ssl_;
  BIO* input_;
  BIO* output_;
  std::string unsent_;  // the sender's
};

TlsTransport::TlsTransport(std::shared_ptr<TlsContext::State> context, bool is_client, const std::string& server_name)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->context.get())),
      input_(BIO_new(BIO_s_mem())),
      output_(BIO_new(BIO_s_mem())) {
  if (ssl_ == nullptr || input_ == nullptr || output_ == nullptr) throw std::bad_alloc();
  BIO_set_mem_eof_return(input_, -1);  // no data yet, not the end
  SSL_set_bio(ssl_.get(), input_, output_);
  is_client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  if (is_client) expect(server_name);
}

// The name is asked for, and is what the certificate has to be of. Of an address only the latter.
void TlsTransport::expect(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const bool is_address =
      inet_pton(AF_INET, name.c_str(), address.data()) == 1 || inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
  bool done = is_address || SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1;
  if (done && context_->verifies_name) {
    done = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str()) == 1
                      : SSL_set1_host(ssl_.get(), name.c_str()) == 1;
  }
  if (!done) throw_tls_error(name);
}

// Returns call()'s result, or if that failed the kind of error, negative: what OpenSSL wants, or has met.
template <class Call>
int TlsTransport::try_to(Call call) {
  const std::lock_guard guard(lock_);
  ERR_clear_error();
  const int result = call(ssl_.get());
  return result > 0 ? result : -SSL_get_error(ssl_.get(), result);
}

void TlsTransport::fail(const char* what) {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict != X509_V_OK && !SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    throw TlsError(std::string(what) + ": certificate verify failed: " + X509_verify_cert_error_string(verdict));
  }
  throw_tls_error(what);
}

void TlsTransport::fetch(SocketState& socket, const char* what, Deadline deadline) {
  std::array<char, record> piece;
  const std::size_t got = detail::receive_plainly(socket, piece, deadline);
  if (got == 0) throw TlsError(std::string(what) + ": the connection ended without goodbye");
  const std::lock_guard guard(lock_);
  BIO_write(input_, piece.data(), static_cast<int>(got));
}

void TlsTransport::take_output() {
  const std::lock_guard guard(lock_);
  const std::size_t had = unsent_.size(), more = BIO_ctrl_pending(output_);
  unsent_.resize(had + more);
  if (more != 0) BIO_read(output_, unsent_.data() + had, static_cast<int>(more));
}

void TlsTransport::flush(SocketState& socket, Deadline deadline) {
  take_output();
  while (!unsent_.empty()) unsent_.erase(0, detail::send_plainly(socket, unsent_, deadline));
}

// Where the other end has gone already it has said why, mostly: what it said is still there to be received.
void TlsTransport::flush_if_heard(SocketState& socket, Deadline deadline) {
  try {
    flush(socket, deadline);
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::broken_pipe) throw;
    unsent_.clear();
  }
}

void TlsTransport::shake_hands(SocketState& socket, Deadline deadline) {
  for (;;) {
    const int result = try_to(SSL_do_handshake);
    if (result > 0) return flush_if_heard(socket, deadline);
    if (result != -SSL_ERROR_WANT_READ) {
      say_goodbye(socket);  // OpenSSL's, which says why
      fail("TLS handshake");
    }
    flush_if_heard(socket, deadline);
    fetch(socket, "TLS handshake", deadline);
  }
}

std::size_t TlsTransport::receive(SocketState& socket, std::span<char> into, Deadline deadline) {
  for (;;) {
    const int size = static_cast<int>(std::min(into.size(), record));
    const int result = try_to([&](SSL* ssl) { return SSL_read(ssl, into.data(), size); });
    if (result > 0) return static_cast<std::size_t>(result);
    if (result == -SSL_ERROR_ZERO_RETURN || into.empty()) return 0;
    if (result != -SSL_ERROR_WANT_READ) fail("recv");
    fetch(socket, "recv", deadline);
  }
}

std::size_t TlsTransport::send(SocketState& socket, std::string_view data, Deadline deadline) {
  flush(socket, deadline);
  if (data.empty()) return 0;
  const int size = static_cast<int>(std::min(data.size(), record));
  const int result = try_to([&](SSL* ssl) { return SSL_write(ssl, data.data(), size); });
  if (result <= 0) fail("send");
  flush(socket, deadline);
  return static_cast<std::size_t>(result);
}

void TlsTransport::end_sending(SocketState& socket, Deadline deadline) {
  {
    const std::lock_guard guard(lock_);
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  flush(socket, deadline);
}

// Whoever sends, or was ended while he did, has left something: then there is no room for it.
void TlsTransport::say_goodbye(SocketState& socket) noexcept {
  if (!unsent_.empty()) return;
  try {
    if (SSL_is_init_finished(ssl_.get())) try_to(SSL_shutdown);
    take_output();
    if (!unsent_.empty()) ::send(socket.fd(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } catch (const std::exception&) {  // no memory: no goodbye
  }
}

TlsInfo TlsTransport::info() {
  const std::lock_guard guard(lock_);
  TlsInfo info{SSL_get_version(ssl_.get()), SSL_get_cipher_name(ssl_.get()), {}, {}};
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (size != 0) info.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  if (X509* const certificate = SSL_get0_peer_certificate(ssl_.get())) {
    const std::unique_ptr<BIO, FreeBy<BIO_free>> text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_ONELINE);
    info.peer_subject.resize(BIO_ctrl_pending(text.get()));
    BIO_read(text.get(), info.peer_subject.data(), static_cast<int>(info.peer_subject.size()));
  }
  return info;
}

Socket wrap(Socket socket, std::unique_ptr<TlsTransport> transport, Deadline deadline) {
  SocketState& state = *socket.state();
  transport->shake_hands(state, state.limit(deadline));
  state.transport = std::move(transport);
  return socket;
}

}  // namespace

Socket TlsContext::connect(Socket socket, const std::string& server_name, Deadline deadline) const {
  return wrap(std::move(socket), std::make_unique<TlsTransport>(state_, true, server_name), deadline);
}

Socket TlsContext::accept(Socket socket, Deadline deadline) const {
  return wrap(std::move(socket), std::make_unique<TlsTransport>(state_, false, ""), deadline);
}

std::optional<TlsInfo> tls_info(const Socket& socket) {
  if (!socket) return std::nullopt;
  auto* const transport = dynamic_cast<TlsTransport*>(socket.state()->transport.get());
  if (transport == nullptr) return std::nullopt;
  return transport->info();
}

}  // namespace evergreen
