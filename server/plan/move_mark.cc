#include "server/plan/move_mark.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::string_view kPrefix = "mirror-move";
constexpr std::array<std::string_view, 4> kPhases = {"leaving", "left", "arriving", "dropping"};
constexpr std::array<std::string_view, 2> kKinds = {"server", "place"};
constexpr std::string_view kNone = "-";
constexpr std::size_t kIdMin = 8, kIdMax = 32;

/// "mirror-move ID PHASE KIND TARGET CONTENTS PAUSED REASON", where REASON may be any text.
constexpr std::size_t kWords = 7;

template <typename Names>
std::optional<std::size_t> IndexOf(const Names& names, std::string_view word) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::string OrNone(const std::string& text) { return text.empty() ? std::string(kNone) : text; }
std::string FromNone(std::string_view word) { return word == kNone ? std::string() : std::string(word); }

bool IsHexadecimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string_view ToString(MovePhase phase) { return kPhases.at(static_cast<std::size_t>(phase)); }

absl::Status CheckMoveId(std::string_view id) {
  if (id.size() >= kIdMin && id.size() <= kIdMax && IsHexadecimal(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the id of a move has ", kIdMin, " to ", kIdMax,
                                                 " characters of 0-9 and a-f. Nothing was done."));
}

absl::Status CheckMoveTarget(std::string_view target) {
  const bool plain = std::all_of(target.begin(), target.end(), [](char c) { return absl::ascii_isgraph(c); });
  if (plain && target.size() <= kMoveTargetBytesMax && target != kNone) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the target of a move has at most ", kMoveTargetBytesMax,
                                                 " visible ASCII characters. Nothing was done."));
}

std::string PackMark(const MoveMark& mark) {
  return absl::StrCat(std::string(kPrefix), " ", mark.id, " ", std::string(ToString(mark.phase)), " ",
                      std::string(kKinds.at(static_cast<std::size_t>(mark.kind))), " ", OrNone(mark.target),
                      " ", OrNone(mark.contents), " ", mark.was_paused ? "paused" : "running", " ",
                      mark.reason);
}

std::optional<MoveMark> MarkOf(bool paused, std::string_view reason) {
  if (!paused) return std::nullopt;
  std::vector<std::string_view> words;
  while (words.size() < kWords) {
    const std::size_t space = reason.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    words.push_back(reason.substr(0, space));
    reason.remove_prefix(space + 1);
  }
  const auto phase = IndexOf(kPhases, words[2]);
  const auto kind = IndexOf(kKinds, words[3]);
  const bool was_paused = words[6] == "paused";
  if (words[0] != kPrefix || !CheckMoveId(words[1]).ok() || !phase || !kind || words[4].empty() ||
      !IsHexadecimal(FromNone(words[5])) || (!was_paused && words[6] != "running")) {
    return std::nullopt;
  }
  return MoveMark{.id = std::string(words[1]),
                  .phase = static_cast<MovePhase>(*phase),
                  .kind = static_cast<MoveKind>(*kind),
                  .target = FromNone(words[4]),
                  .contents = FromNone(words[5]),
                  .was_paused = was_paused,
                  .reason = std::string(reason)};
}

std::optional<MoveMark> MarkOf(const TenantRecord& tenant) {
  return MarkOf(tenant.paused, tenant.pause_reason);
}

std::string PauseWords(bool paused, std::string_view reason) {
  const std::optional<MoveMark> mark = MarkOf(paused, reason);
  if (!mark) return std::string(reason);
  const bool to_place = mark->kind == MoveKind::kPlace;
  switch (mark->phase) {
    case MovePhase::kLeaving:
      return to_place ? absl::StrCat("the mirror is being moved to the place '", mark->target, "'")
                      : "the mirror is being moved to another server";
    case MovePhase::kLeft:
      if (mark->target.empty()) return "the mirror was moved to another server: ask its operator which";
      return absl::StrCat("the mirror was moved to ", mark->target,
                          ": enter this at the agent as [endpoint] 'address'");
    case MovePhase::kArriving:
      return "the mirror is being moved here";
    case MovePhase::kDropping:
      return "a move here is being undone";
  }
  return std::string(reason);
}

absl::Status CheckStays(const std::string& context_id, const std::optional<MoveMark>& mark) {
  if (!mark) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "tenant '", context_id, "': ", PauseWords(true, PackMark(*mark)),
      ". Nothing was changed. Ask the server that serves the mirror, or end the move first: 'mirrorctl move ",
      context_id, " ... --resume' or '--undo', with the options of the original call."));
}

void SetMark(const MoveMark& mark, TenantRecord* tenant) {
  tenant->paused = true;
  tenant->pause_reason = PackMark(mark);
}

void TakeMarkOff(const MoveMark& mark, TenantRecord* tenant) {
  tenant->paused = mark.was_paused;
  tenant->pause_reason = mark.reason;
}

}  // namespace mirror
