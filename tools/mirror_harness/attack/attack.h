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
inline constexpr char kOpen[] = "OPEN";      ///< Nothing happened; the attacker stopped waiting.
/// Results of TableSchema for a table.
inline constexpr char kRefused[] = "REFUSED", kCreated[] = "CREATED";

/// The result of an attack.
struct Outcome {
  std::set<std::string> got;  ///< Names of statuses, or of the above; several after several attempts.
  std::string words;          ///< The endpoint's message, or the number of attempts.
  std::string fault;          ///< Other damage: a row changed, a client was not served. Empty: none.
};

/// Results that several themes expect.
inline constexpr char kIsInvalid[] = "INVALID_ARGUMENT", kIsExhausted[] = "RESOURCE_EXHAUSTED";

/// Returns the name of the status, as expected outcomes spell it.
std::string NameOf(absl::StatusCode code);
Outcome OutcomeOf(const absl::Status& status);
/// Also adds everything in `more`.
void AddOutcome(const Outcome& more, Outcome* all);

/// One thing that a hostile source or a stranger does to an endpoint: a row of its theme's table.
struct Attack {
  using Run = std::function<Outcome(Target&)>;

  std::string name;      ///< "alg-none"
  std::string what;      ///< One sentence.
  std::string expected;  ///< Every result must be one of these, in alphabetical order: "CLOSED|OPEN".
  Run run;               ///< Makes the attack.
};

struct Theme {
  std::string name;  ///< "tokens"; attacks are called "tokens/alg-none".
  std::vector<Attack> attacks;
};

/// Returns the attacks of several parts, in this order.
std::vector<Attack> Together(std::initializer_list<std::vector<Attack> (*)()> parts);

// Each theme is in a file of its own; the last one has a file for each of its parts.
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
/// Bytes that two programs might read as different requests.
std::vector<Attack> HttpFramingAttacks();
/// Heads and bodies without end, and compressed ones.
std::vector<Attack> HttpEndlessAttacks();
/// JSON and targets that are meant to break their parser.
std::vector<Attack> HttpContentAttacks();
/// Many connections at once, slow ones, and some that never read the answer.
std::vector<Attack> HttpCrowdAttacks();

/// Returns all themes, in the order in which they run.
std::vector<Theme> AllAttacks();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_H_
