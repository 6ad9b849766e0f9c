#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/admin_output.h"

// Prints hubs and golden records for people.

namespace mirror {

/// Prints a line for each member and one for each hub.
void PrintHubs(std::ostream& out, const v1::ListHubsResponse& answer, std::size_t width, std::int64_t now_ms);
/// Something that an operator has to decide or repair.
struct HubWait {
  std::string words;  ///< The problem.
  std::string joint;  ///< Text between `words` and `next`: ": " or ". ".
  std::string next;   ///< The next step, with the commands to type.

  std::string Sentence() const { return words + joint + next; }
};
std::vector<HubWait> WhatHubWaitsFor(const v1::HubState& hub, std::int64_t now_ms);
/// The next step when sources refuse deliveries.
inline constexpr char kMendRefused[] =
    "correct in that system what the reason names (its 'accept', a constraint, a row that conflicts), or "
    "correct the value in the system that it comes from. The source retries each delivery by itself, at "
    "growing intervals";
/// Prints a record's rows, its values with the system of each, and what is pending for its systems.
void PrintGolden(std::ostream& out, const v1::ExplainGoldenResponse& record, std::size_t width);
/// Prints the deliveries that a decision would make: the number for each table, then the first deliveries.
void PrintMade(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::HubChange>& changes,
               const google::protobuf::RepeatedPtrField<v1::GoldenDelivery>& first, std::size_t width);
/// Prints what would happen to records and their rows, then what would be written. Prints no values.
void PrintPreview(std::ostream& out, const v1::GoldenPreview& preview, std::size_t width);
/// Prints a line for each held or dropped delivery. Prints no values.
void PrintHeld(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width);
/// Prints the number of held deliveries for each table, then the first deliveries.
void PrintHeldSums(std::ostream& out, const v1::ListHeldResponse& answer, std::size_t width);
/// Prints what a hub would lose if it were rebuilt.
void PrintLoss(std::ostream& out, const v1::HubLoss& loss);
void PrintDuplicates(std::ostream& out, const v1::ListDuplicatesResponse& answer, std::size_t width);

/// Prints a line for each record with frozen attributes (systems overwrite each other). Prints no values.
void PrintFrozen(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::FrozenRecord>& records,
                 std::size_t width);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_HUB_OUTPUT_H_
