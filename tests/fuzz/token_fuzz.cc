// Feeds VerifyToken and VerifyAnswer. The first byte of the input says what the rest is:
//   t  a whole token             h  a header, signed with a good payload
//   p  a payload, well signed    a  the payload of an endpoint's answer, well signed
// With h, p and a the signature is always right, so that the parsers behind it are reached.

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/base64url.h"
#include "certs/issue.h"
#include "certs/key.h"
#include "certs/key_ring.h"
#include "certs/token.h"

namespace mirror {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;  // Unix seconds; the seeds are made for it.

void Require(bool condition) {
  if (!condition) std::abort();
}

// A ring with one key, made anew at each start in a folder that is removed at once.
struct World {
  World() {
    std::string dir = (std::filesystem::temp_directory_path() / "mirror-fuzz-XXXXXX").string();
    Require(mkdtemp(dir.data()) != nullptr);
    std::filesystem::create_directory(dir + "/keys");
    IssueOptions options;
    options.now_s = kNow;
    const PairFiles files = {dir + "/keys/source-1.crt", dir + "/source-1.key"};
    Require(IssueSigningKey(files, "source-1", Algorithm::kEs256, options).ok());
    key = SigningKey::Load(files.key, "source-1");
    certificate = PublicKey::Load(files.certificate);
    ring = KeyRing::Load({{"Source", "development", dir + "/keys"}});
    std::filesystem::remove_all(dir);
    Require(key.ok() && certificate.ok() && ring.ok());
    rules.audience = "mirror-app";
    rules.context_claim = "ctx";
    rules.algorithms = {Algorithm::kEs256, Algorithm::kRs256};
  }

  std::string Sign(std::string_view header, std::string_view payload) const {
    const std::string text = EncodeBase64Url(header) + "." + EncodeBase64Url(payload);
    return text + "." + EncodeBase64Url(key->Sign(text).value());
  }

  absl::StatusOr<SigningKey> key = absl::UnknownError("");
  absl::StatusOr<PublicKey> certificate = absl::UnknownError("");
  absl::StatusOr<KeyRing> ring = absl::UnknownError("");
  TokenRules rules;
};

constexpr char kHeader[] = R"({"alg":"ES256","kid":"source-1","typ":"mirror-call+jwt"})";
constexpr char kAnswerHeader[] = R"({"alg":"ES256","kid":"source-1","typ":"mirror-answer+jwt"})";
constexpr char kPayload[] =
    R"({"aud":"mirror-app","ctx":"Cust1","exp":1800000300,"iss":"Source","nbf":1799999880,)"
    R"("nonce":"0123456789ABCDEF"})";

// What holds for every token that is accepted, however it came about.
void CheckToken(const World& world, const std::string& token) {
  const absl::StatusOr<VerifiedToken> verified =
      VerifyToken(token, TokenUse::kCall, *world.ring, world.rules, kNow);
  if (!verified.ok()) {
    Require(verified.status().code() == absl::StatusCode::kUnauthenticated);
    Require(verified.status().message().size() < 1000);
    return;
  }
  const Claims& claims = verified->claims;
  Require(token.size() <= kTokenBytesMax);
  Require(claims.issuer == "Source" && claims.audience == "mirror-app" && verified->key_id == "source-1");
  Require(IsContextId(claims.context_id) && IsContextId(claims.nonce) && claims.nonce.size() >= 16);
  Require(claims.not_before < claims.expires && claims.expires - claims.not_before <= 1800);
  Require(verified->usable_from_s <= kNow && kNow < verified->usable_until_s);
}

void CheckAnswer(const World& world, const std::string& token) {
  const Answer expected = {"0123456789ABCDEF", "Cust1", "mirror-app"};
  const absl::StatusOr<Answer> answer = VerifyAnswer(token, *world.certificate, expected, kNow);
  if (!answer.ok()) return Require(answer.status().code() == absl::StatusCode::kUnauthenticated);
  Require(answer->cycle >= 0 && answer->time_s >= kNow - kAnswerTimeSlack);
  Require(answer->time_s <= kNow + kAnswerTimeSlack);
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto* world = new mirror::World;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'h':
      mirror::CheckToken(*world, world->Sign(rest, mirror::kPayload));
      break;
    case 'p':
      mirror::CheckToken(*world, world->Sign(mirror::kHeader, rest));
      break;
    case 'a':
      mirror::CheckAnswer(*world, world->Sign(mirror::kAnswerHeader, rest));
      break;
    default:
      mirror::CheckToken(*world, std::string(rest));
      mirror::CheckAnswer(*world, std::string(rest));
  }
  return 0;
}
