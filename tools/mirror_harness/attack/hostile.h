#ifndef MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/honest_reader.h"
#include "tools/mirror_harness/attack/honest_source.h"
#include "tools/mirror_harness/attack/peak_watch.h"
#include "tools/mirror_harness/synthetic/options.h"

namespace mirror::harness {

/// Mirrors that the attacks leave open, and what each has of statements, pages and the like: caches, measured
/// at 237 KB.
inline constexpr std::uint64_t kHostileMirrors = 120, kOpenMirrorBytes = 240 << 10;
/// Bytes: what a server may hold at most while it is attacked: 256 MB beside its caches.
inline constexpr std::uint64_t kHostileMemoryMax = (256ULL << 20) + kHostileMirrors * kOpenMirrorBytes;

/// What is asked of the honest tenant's p99 under attack, in times of the quiet one. A goal: it is reported,
/// and machines on which harness and server share their cores cannot keep it in floods.
inline constexpr double kP99RatioGoal = 3;

struct AttackResult {
  std::string name;  ///< "tokens/alg-none".
  std::string what;
  std::set<std::string> expected;
  Outcome outcome;
  double seconds = 0;
  std::optional<PeakWatch::Peak> server;  ///< While it ran; absent: nobody looked.
  double honest_p99_ms = 0;               ///< While it ran; 0: too few calls.

  bool ok() const;
};

struct HostileReport {
  std::vector<AttackResult> attacks;
  std::size_t left_out = 0;  ///< What they are aimed at is not known.
  Served quiet, attacked;
  std::optional<Served> http_quiet, http_attacked;  ///< Absent: that door is not known.
  std::optional<PeakWatch::Peak> server_quiet, server_attacked;

  double p99_ratio() const { return quiet.p99_ms > 0 ? attacked.p99_ms / quiet.p99_ms : 0; }
  std::size_t refused_rightly() const;
  bool memory_stayed() const;
  /// Calls of both honest clients that failed.
  std::uint64_t honest_failures() const;
  /// Every attack ended as it should, the honest clients were served, and the server's memory stayed.
  bool good() const;
};

/// Names of attacks, or of themes, that there are not. Empty: all are known.
std::string UnknownAttack(const std::vector<std::string>& only);
/// The first that takes all places of the key that it shows, so that honest calls need another; empty: none.
std::string AttackWithAKeyOfItsOwn(const std::vector<std::string>& only);
/// "name  what" for each.
std::string ListAttacks();

/// Runs the attacks that the options name, all without any. Errors: why the endpoint cannot be attacked at
/// all.
absl::StatusOr<HostileReport> RunHostile(const Options& options, const AgentConfig& config,
                                         const std::string& context_id);

std::string AttackLine(const AttackResult& result);
std::string HostileText(const HostileReport& report);
std::string HostileJson(const HostileReport& report);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_ATTACK_HOSTILE_H_
