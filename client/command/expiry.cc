#include "client/command/expiry.h"

#include "absl/strings/str_cat.h"

namespace mirror {

std::vector<DatedKey> AgentKeys(const AgentConfig& config) {
  std::vector<DatedKey> keys;
  AddCertificates(CertificateBeside(config.identity.key), KeyKind::kSourceOwn, &keys);
  AddCertificates(config.identity.application_certificate, KeyKind::kApplication, &keys);
  if (config.endpoint.plaintext) return keys;
  AddCertificates(config.endpoint.ca, KeyKind::kEndpointCa, &keys);
  AddCertificates(config.endpoint.certificate, KeyKind::kClient, &keys);
  return keys;
}

std::vector<std::string> ExpiryWarnings(const AgentConfig& config, std::int64_t now_s) {
  std::vector<std::string> warnings;
  for (const DatedKey& key : AgentKeys(config)) {
    if (ExpiryAt(key.not_after_s, now_s) == Expiry::kFar) continue;
    // Only the endpoint's operator can renew the application's key.
    const std::string next = key.kind == KeyKind::kApplication
                                 ? "ask the endpoint's operator for the certificate of its next key, and set "
                                   "'application_certificate' of [identity] to that file when the endpoint "
                                   "uses the new key"
                                 : std::string(Renewal(key.kind));
    warnings.push_back(absl::StrCat("'", key.name, "' ", ExpiryWords(key.not_after_s, now_s), ": ", next));
  }
  return warnings;
}

std::vector<std::string> DailyWarnings::Due(const AgentConfig& config, std::int64_t now_s) {
  constexpr std::int64_t kDayS = 86'400;
  if (day_ == now_s / kDayS) return {};
  day_ = now_s / kDayS;
  return ExpiryWarnings(config, now_s);
}

}  // namespace mirror
