#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_HTTP_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_HTTP_H_

#include <vector>

#include "tools/mirror_harness/attack/attack.h"

// The parts of the theme "http".

namespace mirror::harness {

/// What two programs might read as different requests.
std::vector<Attack> HttpFramingAttacks();
/// Heads and bodies without end, and what is packed.
std::vector<Attack> HttpEndlessAttacks();
/// JSON and targets that are meant to break who reads them.
std::vector<Attack> HttpContentAttacks();
/// Many at once, slow ones, and those that take no answer.
std::vector<Attack> HttpCrowdAttacks();

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_ATTACK_HTTP_H_
