#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/admin_output.h"

// Hubs and golden records for people.

namespace mirror {

/// A line for each member, and one for each hub.
void PrintHubs(std::ostream& out, const v1::ListHubsResponse& answer, std::size_t width, std::int64_t now_ms);
/// What waits for somebody.
struct HubWait {
  std::string words;  ///< What it is.
  std::string joint;  ///< ": ", ". " or ", "
  std::string next;   ///< What to do, with the commands to type.

  std::string Sentence() const { return words + joint + next; }
};
std::vector<HubWait> WhatHubWaitsFor(const v1::HubState& hub, std::int64_t now_ms);
/// What is to be done where sources refuse.
inline constexpr char kMendRefused[] =
    "mend in that system what the reason names (its 'accept', a constraint, a row that is in the way), or "
    "the "
    "value where it comes from. Each is tried again by itself, ever more rarely";
/// A record's rows, its values and who gave them, and what waits for its systems.
void PrintGolden(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width);
/// Deliveries that a decision would make: how many of each table, then the first of them.
void PrintMade(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::HubChange>& changes,
               const google::protobuf::RepeatedPtrField<v1::GoldenDelivery>& first, std::size_t width);
/// What would become of records and their rows, then what would be written. Never values.
void PrintPreview(std::ostream& out, const v1::GoldenPreview& preview, std::size_t width);
/// What is held or was dropped, a line each. Never values.
void PrintHeld(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width);
/// How many of each table, then the first of them.
void PrintHeldSums(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width);
/// What a hub that is made anew would not have any more.
void PrintLoss(std::ostream& out, const v1::HubLoss& loss);
void PrintDuplicates(std::ostream& out, const v1::ListDuplicatesResponse& answer, std::size_t width);

/// Records with attributes that systems fight over, a line each. Never values.
void PrintFrozen(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::FrozenRecord>& records,
                 std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_
