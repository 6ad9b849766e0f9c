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

/// Payload of a refusal because of the clock: the endpoint's unix seconds, as text. Sent to the source, see
/// proto/wire/refusal.h.
inline constexpr char kClockPayload[] = "mirror-clock";
/// Returns the payload's time. Absent: the clock is not the reason.
std::optional<std::int64_t> ClockOfRefusal(const absl::Status& status);

/// Purpose of a token. It is in `typ` and is checked exactly, so that a captured call token
/// cannot begin a cycle, and an answer is never accepted as a request.
enum class TokenUse {
  kAuthenticate,  ///< "mirror-auth+jwt": Authenticate's request_token.
  kCall,          ///< "mirror-call+jwt": every other call's bearer token.
  kAnswer,        ///< "mirror-answer+jwt": the endpoint's proof in Authenticate's answer.
  kReceipts,      ///< "mirror-receipts+jwt": the last receipt of a chain.
};

/// Returns the `typ` of a use.
std::string_view TokenType(TokenUse use);

/// Claims of a source in a token. Set by the source, trusted only after VerifyToken().
struct Claims {
  std::string issuer;                        ///< `iss`.
  std::string audience;                      ///< `aud`: the application id of the intended endpoint.
  std::string context_id;                    ///< The tenant; 1 to 64 of [A-Za-z0-9_-].
  std::string nonce;                         ///< 16 to 64 of [A-Za-z0-9_-], see NewNonce().
  std::int64_t not_before = 0, expires = 0;  ///< `nbf`, `exp`: unix seconds.
  std::int64_t issued = 0;  ///< `iat`: unix seconds; equals `nbf` if the token has none. 0: is not written.
};

/// The tokens that this endpoint accepts, from `[application]` and `[tokens]` of its configuration.
struct TokenRules {
  std::string audience;                                                       ///< Our application id.
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";  ///< Claim with the context id.
  std::vector<Algorithm> algorithms;   ///< Empty: no token is accepted.
  std::int64_t lifetime_max_s = 1800;  ///< Seconds from `nbf` to `exp`.
  std::int64_t leeway_s = 60;          ///< Accepted difference between the clocks in seconds.
};

/// A token that passed every check.
struct VerifiedToken {
  Claims claims;
  std::string environment;  ///< Environment of the folder with the key.
  std::string key_id;
  /// The token is valid from `usable_from_s` to before `usable_until_s` (unix seconds): its
  /// own times with the leeway, limited by the validity of its key's certificate.
  std::int64_t usable_from_s = 0, usable_until_s = 0;
};

/// Makes a signed token: a JWT in compact form, members alg, kid, typ; iss, aud, `context_claim`, nonce,
/// nbf, exp. Does not check the claims: VerifyToken does.
/// Errors: kInvalidArgument if `context_claim` is empty or the name of another member; kInternal
/// if signing fails.
absl::StatusOr<std::string> SignToken(const SigningKey& key, TokenUse use, const Claims& claims,
                                      const std::string& context_claim);

/// Checks a token against keys, rules and the clock (`now_s`, unix seconds): form, algorithm, key,
/// signature, and only then its content. Verifies each time again, see TokenCache.
///
/// Errors: kUnauthenticated for every refusal, each with its own sentence for the
/// caller: it says what to do, contains nothing of the token but well-formed key ids and times, and
/// nothing about tenants. An error about time gives this clock's time.
/// Thread safety: any thread; no state.
absl::StatusOr<VerifiedToken> VerifyToken(std::string_view token, TokenUse use, const KeyRing& ring,
                                          const TokenRules& rules, std::int64_t now_s);

/// The last receipt of a tenant's chain.
struct SignedHead {
  std::uint64_t number = 0;  ///< `receipt`; 0: there is none.
  std::string sha256;        ///< `receipt_sha256`: SHA-256 of its text, 64 hexadecimal digits; empty: none.
  friend bool operator==(const SignedHead&, const SignedHead&) = default;
};

/// Content that an endpoint signs to prove that it has the application's private key. Members on the
/// wire: iss (application_id), nonce, context_id, cycle, iat (time_s).
struct Answer {
  std::string nonce;                                  ///< Nonce of the request token.
  std::string context_id;                             ///< Context id of the request token, in its spelling.
  std::string application_id;                         ///< Id of the endpoint's application.
  std::int64_t cycle = 0;                             ///< The cycle that begins; 0: none.
  std::int64_t time_s = 0;                            ///< The endpoint's clock, unix seconds.
  std::optional<SignedHead> receipts = std::nullopt;  ///< Absent: the endpoint keeps none for the tenant.
};

/// Returns the answer as a signed token. Errors: kInternal if signing fails.
absl::StatusOr<std::string> SignAnswer(const SigningKey& key, const Answer& answer);

/// Checks, at the source, that the endpoint is the application: signature, then nonce, context id
/// and application id against `expected` (ignoring its cycle and time), then that the
/// endpoint's time is within kAnswerTimeSlack of `now_s`. The application's certificate must be
/// valid. Returns the signed content.
/// Errors: kUnauthenticated: the endpoint's identity is not proven, send it nothing.
absl::StatusOr<Answer> VerifyAnswer(std::string_view token, const PublicKey& application_key,
                                    const Answer& expected, std::int64_t now_s);

/// Signs `answer` without its nonce, as a token of its own; it must have `receipts`.
absl::StatusOr<std::string> SignReceiptHead(const SigningKey& key, const Answer& answer);

/// Checks an answer or a token of receipts long after it came: signature, context id and application id, but
/// not its time, nor the validity of the key's certificate. Returns the signed content, with `receipts`.
/// Errors: kUnauthenticated, with the reason.
absl::StatusOr<Answer> VerifyReceiptHead(std::string_view token, const PublicKey& application_key,
                                         const std::string& context_id, const std::string& application_id);

}  // namespace mirror

#endif  // MIRROR_CERTS_TOKEN_H_
