#ifndef MIRROR_CERTS_TOKEN_H_
#define MIRROR_CERTS_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/key.h"
#include "certs/key_ring.h"

namespace mirror {

/// Greatest size of a token's text in bytes; a longer one is refused before it is parsed.
inline constexpr std::size_t kTokenBytesMax = 8192;

/// Seconds by which an endpoint's time may differ from the source's clock.
inline constexpr std::int64_t kAnswerTimeSlack = 15 * 60;

/// Name of the status payload of a refusal because of the clock. Its value is the endpoint's time in unix
/// seconds, as text. The source gets it: see proto/wire/refusal.h.
inline constexpr char kClockPayload[] = "mirror-clock";
/// Returns the time in this payload. Absent: the clock is not the reason of the refusal.
std::optional<std::int64_t> ClockOfRefusal(const absl::Status& status);

/// Purpose of a token, which is in `typ`. It is checked, so that a captured token of a call cannot begin a
/// cycle, and an answer is not accepted as a request.
enum class TokenUse {
  kAuthenticate,  ///< "mirror-auth+jwt": Authenticate's request_token.
  kCall,          ///< "mirror-call+jwt": every other call's bearer token.
  kAnswer,        ///< "mirror-answer+jwt": the endpoint's proof in Authenticate's answer.
  kReceipts,      ///< "mirror-receipts+jwt": the last receipt of a chain.
};

/// Returns the `typ` of a use.
std::string_view TokenType(TokenUse use);

/// Statements of a source in a token. Trust them only after VerifyToken().
struct Claims {
  std::string issuer;                        ///< `iss`.
  std::string audience;                      ///< `aud`: the application id of the intended endpoint.
  std::string context_id;                    ///< The tenant; 1 to 64 of [A-Za-z0-9_-].
  std::string nonce;                         ///< 16 to 64 of [A-Za-z0-9_-], see NewNonce().
  std::int64_t not_before = 0, expires = 0;  ///< `nbf`, `exp`: unix seconds.
  /// `iat`: unix seconds; equals `nbf` if the token has no `iat`. When a token is made, 0 means that `iat` is
  /// not written.
  std::int64_t issued = 0;
};

/// The tokens that this endpoint accepts, from `[application]` and `[tokens]` of its configuration.
struct TokenRules {
  /// The endpoint's application id.
  std::string audience;
  /// Name of the claim that has the context id.
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";
  std::vector<Algorithm> algorithms;   ///< Empty: no token is accepted.
  std::int64_t lifetime_max_s = 1800;  ///< Greatest number of seconds from `nbf` to `exp`.
  std::int64_t leeway_s = 60;          ///< Accepted difference between the clocks in seconds.
};

/// A token that passed every check.
struct VerifiedToken {
  Claims claims;
  std::string environment;  ///< Environment of the folder that has the token's key.
  std::string key_id;
  /// The token is valid from `usable_from_s` until before `usable_until_s`, both in unix seconds. These are
  /// the token's times with the leeway, limited by the validity of the key's certificate.
  std::int64_t usable_from_s = 0, usable_until_s = 0;
};

/// Makes a signed token: a JWT in compact form. Its header has alg, kid and typ; its payload has iss, aud,
/// `context_claim`, nonce, nbf, exp. The claims are not checked here, but by VerifyToken(). Errors:
/// kInvalidArgument: `context_claim` is empty or the name of another member; kInternal: signing failed.
absl::StatusOr<std::string> SignToken(const SigningKey& key, TokenUse use, const Claims& claims,
                                      const std::string& context_claim);

/// Checks a token against keys, rules and the clock (`now_s`, unix seconds): first its form, algorithm, key
/// and signature, then its content. Each call verifies the signature; TokenCache avoids that.
///
/// Errors: kUnauthenticated. The message tells the caller why the token is refused and what to do. Of the
/// token it contains only well-formed key ids and times, and nothing about tenants. An error about times
/// contains the time of this clock. Threads: any.
absl::StatusOr<VerifiedToken> VerifyToken(std::string_view token, TokenUse use, const KeyRing& ring,
                                          const TokenRules& rules, std::int64_t now_s);

/// The last receipt of a tenant's chain.
struct SignedHead {
  std::uint64_t number = 0;  ///< `receipt`: number of the receipt; 0: there is none.
  /// `receipt_sha256`: SHA-256 of the receipt's text, 64 hexadecimal digits; empty: there is none.
  std::string sha256;
  friend bool operator==(const SignedHead&, const SignedHead&) = default;
};

/// Statement that an endpoint signs to prove that it has the application's private key. Members of the token:
/// iss (application_id), nonce, context_id, cycle, iat (time_s).
struct Answer {
  std::string nonce;           ///< Nonce of the request token.
  std::string context_id;      ///< Context id, spelled as in the request token.
  std::string application_id;  ///< Id of the endpoint's application.
  std::int64_t cycle = 0;      ///< Number of the cycle that begins; 0: none begins.
  std::int64_t time_s = 0;     ///< The endpoint's clock, unix seconds.
  /// The last receipt. Absent: the endpoint keeps no receipts for the tenant.
  std::optional<SignedHead> receipts = std::nullopt;
};

/// Returns the answer as a signed token. Errors: kInternal: signing failed.
absl::StatusOr<std::string> SignAnswer(const SigningKey& key, const Answer& answer);

/// Checks at the source that the endpoint has the application's key. It checks the signature; then that
/// nonce, context id and application id are those of `expected`, whose cycle and time are ignored; then that
/// the endpoint's time differs from `now_s` by at most kAnswerTimeSlack. The application's certificate must
/// be valid. Returns the signed content. Errors: kUnauthenticated: the endpoint did not prove its identity.
/// Send it nothing.
absl::StatusOr<Answer> VerifyAnswer(std::string_view token, const PublicKey& application_key,
                                    const Answer& expected, std::int64_t now_s);

/// Makes a token of the kind TokenUse::kReceipts with the content of `answer` except its nonce. `answer` must
/// have `receipts`.
absl::StatusOr<std::string> SignReceiptHead(const SigningKey& key, const Answer& answer);

/// Checks an answer or a token of receipts a long time after it was received. It checks signature, context id
/// and application id, but neither the time nor the validity of the key's certificate. Returns the signed
/// content, with `receipts`. Errors: kUnauthenticated, with the reason.
absl::StatusOr<Answer> VerifyReceiptHead(std::string_view token, const PublicKey& application_key,
                                         const std::string& context_id, const std::string& application_id);

}  // namespace mirror

#endif  // MIRROR_CERTS_TOKEN_H_
