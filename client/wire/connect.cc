#include "client/wire/connect.h"

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "certs/tls.h"

namespace mirror {
namespace {

absl::Status Named(const AgentConfig& config, const std::string& key, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(config.file, ": ", key, ": ", status.message()));
}

}  // namespace

absl::StatusOr<Identity> LoadIdentity(const AgentConfig& config) {
  Identity identity;
  identity.issuer = config.identity.issuer;
  identity.application_id = config.identity.application_id;
  identity.context_claim = config.identity.context_claim;
  absl::StatusOr<SigningKey> key = SigningKey::Load(config.identity.key, config.identity.key_id);
  if (!key.ok()) return Named(config, "[identity] 'key'", key.status());
  identity.key = std::make_shared<const SigningKey>(*std::move(key));
  absl::StatusOr<PublicKey> application = PublicKey::Load(config.identity.application_certificate);
  if (!application.ok()) {
    return Named(config, "[identity] 'application_certificate'", application.status());
  }
  identity.application_key = std::make_shared<const PublicKey>(*std::move(application));
  return identity;
}

absl::StatusOr<Connection> Connect(const AgentConfig& config) {
  ASSIGN_OR_RETURN(Identity identity, LoadIdentity(config));
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (config.endpoint.plaintext) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    auto made = MakeChannelCredentials(
        ClientTls{config.endpoint.ca, config.endpoint.certificate, config.endpoint.key});
    if (!made.ok()) return Named(config, "[endpoint]", made.status());
    credentials = *std::move(made);
  }
  auto line = std::make_shared<Line>(
      [address = config.endpoint.address, credentials] { return OpenChannel(address, credentials); });
  return Connection{std::move(line), std::move(identity)};
}

std::shared_ptr<grpc::Channel> Line::Channel() {
  const MutexLock lock(mutex_);
  if (channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE) channel_ = open_();
  return channel_;
}

}  // namespace mirror
