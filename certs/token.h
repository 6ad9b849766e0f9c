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

/// Bytes of a token in its text form; a longer one is refused before anything of it is looked at.
inline constexpr std::size_t kTokenBytesMax = 8192;

/// Seconds by which the time in an endpoint's answer may differ from the source's clock.
inline constexpr std::int64_t kAnswerTimeSlack = 15 * 60;

/// Payload of a refusal by the clock: the unix seconds of the endpoint's, as text. Passes the wire, see
/// proto/wire/refusal.h.
inline constexpr char kClockPayload[] = "mirror-clock";
/// What it says. Absent: the clock is not why.
std::optional<std::int64_t> ClockOfRefusal(const absl::Status& status);

/// What a token is for. It stands in `typ` and is checked exactly, so that a captured call token
/// cannot begin a cycle and an answer cannot pass for a request.
enum class TokenUse {
  kAuthenticate,  ///< "mirror-auth+jwt": Authenticate's request_token.
  kCall,          ///< "mirror-call+jwt": every other call's bearer token.
  kAnswer,        ///< "mirror-answer+jwt": the endpoint's proof in Authenticate's answer.
  kReceipts,      ///< "mirror-receipts+jwt": the end of a chain of receipts.
};

/// The `typ` of a use.
std::string_view TokenType(TokenUse use);

/// What a source says in a token. Set by the source, believed only after VerifyToken().
struct Claims {
  std::string issuer;                        ///< `iss`.
  std::string audience;                      ///< `aud`: the application id of the endpoint it is meant for.
  std::string context_id;                    ///< The tenant; 1 to 64 of [A-Za-z0-9_-].
  std::string nonce;                         ///< 16 to 64 of [A-Za-z0-9_-], see NewNonce().
  std::int64_t not_before = 0, expires = 0;  ///< `nbf`, `exp`: unix seconds.
  std::int64_t issued = 0;  ///< `iat`: unix seconds; as `nbf` where the token has none. 0: is not written.
};

/// What this endpoint accepts, from `[application]` and `[tokens]` of its configuration.
struct TokenRules {
  std::string audience;                                                       ///< Our application id.
  std::string context_claim = "http://schemes.superoffice.net/identity/ctx";  ///< Holds the context id.
  std::vector<Algorithm> algorithms;   ///< Empty: no token is accepted.
  std::int64_t lifetime_max_s = 1800;  ///< Seconds from `nbf` to `exp`.
  std::int64_t leeway_s = 60;          ///< Seconds of difference between the clocks.
};

/// A token that passed every check.
struct VerifiedToken {
  Claims claims;
  std::string environment;  ///< Of the folder that holds the key.
  std::string key_id;
  /// The same token is good from `usable_from_s` to before `usable_until_s` (unix seconds): its
  /// own times with the leeway, cut to the validity of its key's certificate.
  std::int64_t usable_from_s = 0, usable_until_s = 0;
};

/// A signed token: a JWT in compact form, members alg, kid, typ; iss, aud, `context_claim`, nonce,
/// nbf, exp. The claims are written as they are: judging them is VerifyToken's.
/// Errors: kInvalidArgument when `context_claim` is empty or the name of another member; kInternal
/// when the key does not sign.
absl::StatusOr<std::string> SignToken(const SigningKey& key, TokenUse use, const Claims& claims,
                                      const std::string& context_claim);

/// Checks a token against keys, rules and the clock (`now_s`, unix seconds): shape, algorithm, key,
/// signature, and only then what it says. Verifies anew each time, see TokenCache.
///
/// Errors: kUnauthenticated for every refusal, each with a sentence of its own that is fit for the
/// caller: it says what to do, shows nothing of the token but well-formed key ids and times, and
/// says nothing about tenants. About time it names this clock.
/// Thread safety: any thread; no state.
absl::StatusOr<VerifiedToken> VerifyToken(std::string_view token, TokenUse use, const KeyRing& ring,
                                          const TokenRules& rules, std::int64_t now_s);

/// The last receipt of a tenant's chain.
struct SignedHead {
  std::uint64_t number = 0;  ///< `receipt`; 0: there is none.
  std::string sha256;        ///< `receipt_sha256`: of its text, 64 hexadecimal digits; empty: there is none.
  friend bool operator==(const SignedHead&, const SignedHead&) = default;
};

/// What an endpoint signs to prove that it holds the application's private key. Members on the
/// wire: iss (application_id), nonce, context_id, cycle, iat (time_s).
struct Answer {
  std::string nonce;                                  ///< Of the request token that is answered.
  std::string context_id;                             ///< Of the request token, as it was spelled there.
  std::string application_id;                         ///< The endpoint's own.
  std::int64_t cycle = 0;                             ///< The cycle that begins; 0 when none does.
  std::int64_t time_s = 0;                            ///< The endpoint's clock, unix seconds.
  std::optional<SignedHead> receipts = std::nullopt;  ///< Absent: the endpoint keeps none for the tenant.
};

/// The answer as a signed token. Errors: kInternal when the key does not sign.
absl::StatusOr<std::string> SignAnswer(const SigningKey& key, const Answer& answer);

/// Checks, at the source, that the endpoint is the application: signature, then nonce, context id
/// and application id against `expected` (its cycle and time are not looked at), then that the
/// endpoint's time is within kAnswerTimeSlack of `now_s`. The application's certificate must be
/// valid. Gives what was signed.
/// Errors: kUnauthenticated: the endpoint could not prove itself, send it nothing.
absl::StatusOr<Answer> VerifyAnswer(std::string_view token, const PublicKey& application_key,
                                    const Answer& expected, std::int64_t now_s);

/// `answer` without its nonce, as a token of its own; it must have `receipts`.
absl::StatusOr<std::string> SignReceiptHead(const SigningKey& key, const Answer& answer);

/// Checks an answer or a token of receipts long after it came: signature, context id and application id, not
/// its time and not whether the key's certificate is still valid. Gives what was signed, with `receipts`.
/// Errors: kUnauthenticated, with the reason.
absl::StatusOr<Answer> VerifyReceiptHead(std::string_view token, const PublicKey& application_key,
                                         const std::string& context_id, const std::string& application_id);

}  // namespace mirror

#endif  // MIRROR_CERTS_TOKEN_H_
