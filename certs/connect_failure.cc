#include "certs/connect_failure.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace mirror {

std::string ConnectReason(const std::string& grpc_words) {
  constexpr std::string_view kBefore = "last error: ", kCode = "UNKNOWN: ";
  std::string reason = grpc_words;
  if (const std::size_t at = reason.find(kBefore); at != std::string::npos) {
    reason.erase(0, at + kBefore.size());
    if (std::string_view(reason).starts_with(kCode)) reason.erase(0, kCode.size());
  }
  return reason;
}

ConnectFailure ConnectFailureIn(const std::string& reason) {
  // A TLS library may write '_' between words.
  const std::string folded = absl::StrReplaceAll(absl::AsciiStrToLower(reason), {{"_", " "}});
  const auto says = [&folded](std::initializer_list<const char*> any) {
    return std::any_of(any.begin(), any.end(),
                       [&folded](const char* words) { return absl::StrContains(folded, words); });
  };
  // These texts are checked first, because the host's name may contain one of the texts below.
  if (says({"connection refused", "no route to host", "network is unreachable", "dns resolution failed"}))
    return ConnectFailure::kNobody;
  if (says({"wrong version number", "http request"})) return ConnectFailure::kNoTls;
  if (says({"certificate verify failed", "hostname", "peer name"})) return ConnectFailure::kCertificate;
  if (says({"socket closed", "connection reset"})) return ConnectFailure::kClosed;
  if (says({"handshake", "ssl", "tls"})) return ConnectFailure::kHandshake;
  return ConnectFailure::kNobody;
}

}  // namespace mirror
