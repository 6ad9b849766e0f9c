#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_H_

#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace mirror::harness {

class Target;

/// Results of a call or a connection, in addition to gRPC's statuses.
inline constexpr char kClosed[] = "CLOSED";  ///< The endpoint closed the connection.
/// The endpoint neither answered nor closed the connection before the attacker stopped waiting.
inline constexpr char kOpen[] = "OPEN";
/// Results of TableSchema for a table.
inline constexpr char kRefused[] = "REFUSED", kCreated[] = "CREATED";

/// The result of an attack.
struct Outcome {
  /// Names of statuses, or kClosed and the like. Several attempts may give several of them.
  std::set<std::string> got;
  std::string words;  ///< The endpoint's message, or the number of attempts.
  /// Other damage: a row changed, or a client was not served. Empty: there is none.
  std::string fault;
};

/// Results that several themes expect.
inline constexpr char kIsInvalid[] = "INVALID_ARGUMENT", kIsExhausted[] = "RESOURCE_EXHAUSTED";

/// Returns the name of the status, as expected outcomes spell it.
std::string NameOf(absl::StatusCode code);
Outcome OutcomeOf(const absl::Status& status);
/// Adds everything in `more` to `all`.
void AddOutcome(const Outcome& more, Outcome* all);

/// One attack of a hostile source or a stranger on an endpoint. It is a row of its theme's table.
struct Attack {
  using Run = std::function<Outcome(Target&)>;

  std::string name;  ///< Such as "alg-none".
  std::string what;  ///< Description in one sentence.
  /// The expected results in alphabetical order, such as "CLOSED|OPEN". Every result must be one of them.
  std::string expected;
  Run run;  ///< Makes the attack.
};

struct Theme {
  std::string name;  ///< Such as "tokens"; its attacks are called "tokens/alg-none" and so on.
  std::vector<Attack> attacks;
};

/// Returns the attacks of several parts, in this order.
std::vector<Attack> Together(std::initializer_list<std::vector<Attack> (*)()> parts);

// Return the themes. Each theme is in its own file; the last one has a file for each of its parts.
Theme TokenAttacks();
Theme NameAttacks();
Theme BatchAttacks();
Theme OrderAttacks();
Theme BombAttacks();
Theme ConnectionAttacks();
Theme FloodAttacks();
Theme StrangerAttacks();
/// Runs only if the address of the metrics is known.
Theme MetricsAttacks();
/// Runs only if the address of the HTTP door is known.
Theme HttpAttacks();
/// Returns attacks with bytes that two programs may read as different requests.
std::vector<Attack> HttpFramingAttacks();
/// Returns attacks with heads and bodies without end, and with compressed ones.
std::vector<Attack> HttpEndlessAttacks();
/// Returns attacks with JSON and targets that are meant to break their parsers.
std::vector<Attack> HttpContentAttacks();
/// Returns attacks with many connections at once, slow ones, and some that never read the answer.
std::vector<Attack> HttpCrowdAttacks();

/// Returns all themes, in the order in which they run.
std::vector<Theme> AllAttacks();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_H_
