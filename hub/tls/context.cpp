#include "hub/tls/openssl.h"

namespace evergreen {
namespace {

// The first of ours that the client offers, too.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void* argument) {
  const auto& ours = static_cast<const TlsContext::State*>(argument)->protocols;
  unsigned char* place = nullptr;
  const int result =
      SSL_select_next_proto(&place, size, ours.data(), static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = place;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsContext TlsContext::client() {
  TlsContext context(std::make_shared<State>(TLS_client_method()));
  SSL_CTX_set_default_verify_paths(context.state_->context.get());
  context.set_verify(true);
  return context;
}

TlsContext TlsContext::server(const std::string& chain_file, const std::string& key_file) {
  TlsContext context(std::make_shared<State>(TLS_server_method()));
  context.load_certificate(chain_file, key_file);
  constexpr std::string_view id = "evergreen";  // without it no session of a client with a certificate is resumed
  SSL_CTX_set_session_id_context(context.state_->context.get(), reinterpret_cast<const unsigned char*>(id.data()),
                                 id.size());
  return context;
}

void TlsContext::load_certificate(const std::string& chain_file, const std::string& key_file) {
  SSL_CTX* const context = state_->context.get();
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, chain_file.c_str()) != 1) throw_tls_error(chain_file);
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) throw_tls_error(key_file);
}

void TlsContext::load_authorities(const std::string& file) {
  SSL_CTX* const context = state_->context.get();
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) throw_tls_error(file);
}

void TlsContext::set_verify(bool on) {
  state_->verifies_name = on;
  SSL_CTX_set_verify(state_->context.get(), on ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE,
                     nullptr);
}

void TlsContext::set_protocols(const std::vector<std::string>& protocols) {
  auto& wire = state_->protocols;
  wire.clear();
  for (const std::string& one : protocols) {
    if (one.empty() || one.size() > 255) throw TlsError("no name of a protocol: " + one);
    wire.push_back(static_cast<unsigned char>(one.size()));
    wire.insert(wire.end(), one.begin(), one.end());
  }
  SSL_CTX* const context = state_->context.get();
  SSL_CTX_set_alpn_protos(context, wire.data(), static_cast<unsigned>(wire.size()));
  SSL_CTX_set_alpn_select_cb(context, wire.empty() ? nullptr : choose_protocol, state_.get());
}

}  // namespace evergreen
