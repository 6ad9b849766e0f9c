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

/// What a call or a connection came to, beside a gRPC status.
inline constexpr char kClosed[] = "CLOSED";  ///< The endpoint closed the connection.
inline constexpr char kOpen[] = "OPEN";  ///< Nothing happened: the endpoint waits, and the attacker gave up.
/// What TableSchema did to a table.
inline constexpr char kRefused[] = "REFUSED", kCreated[] = "CREATED";

/// What the endpoint made of an attack.
struct Outcome {
  std::set<std::string> got;  ///< Names of statuses, or of the above; several when it was tried often.
  std::string words;          ///< What the endpoint said, or how often was tried.
  std::string fault;          ///< What else went wrong: a row changed, nobody was served. Empty: nothing.
};

/// What several themes expect.
inline constexpr char kIsInvalid[] = "INVALID_ARGUMENT", kIsExhausted[] = "RESOURCE_EXHAUSTED";

/// The name of the status, as expected outcomes are written.
std::string NameOf(absl::StatusCode code);
Outcome OutcomeOf(const absl::Status& status);
/// All of `more` too.
void AddOutcome(const Outcome& more, Outcome* all);

/// One thing that a hostile source, or a stranger, does to an endpoint: a row of its theme's table.
struct Attack {
  using Run = std::function<Outcome(Target&)>;

  std::string name;      ///< "alg-none"
  std::string what;      ///< One sentence.
  std::string expected;  ///< Whatever came must be one of these, by the alphabet: "CLOSED|OPEN".
  Run run;               ///< What is sent.
};

struct Theme {
  std::string name;  ///< "tokens"; attacks are called "tokens/alg-none".
  std::vector<Attack> attacks;
};

/// Those of several parts, in this order.
std::vector<Attack> Together(std::initializer_list<std::vector<Attack> (*)()> parts);

// One file for each; of the last one, for each of its parts.
Theme TokenAttacks();
Theme NameAttacks();
Theme BatchAttacks();
Theme OrderAttacks();
Theme BombAttacks();
Theme ConnectionAttacks();
Theme FloodAttacks();
Theme StrangerAttacks();
/// Only where the address of the metrics is known.
Theme MetricsAttacks();
/// Only where the address of the door for JSON is known.
Theme HttpAttacks();
/// What two programs might read as different requests.
std::vector<Attack> HttpFramingAttacks();
/// Heads and bodies without end, and what is packed.
std::vector<Attack> HttpEndlessAttacks();
/// JSON and targets that are meant to break who reads them.
std::vector<Attack> HttpContentAttacks();
/// Many at once, slow ones, and those that take no answer.
std::vector<Attack> HttpCrowdAttacks();

/// All of them, in the order in which they run.
std::vector<Theme> AllAttacks();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_H_
