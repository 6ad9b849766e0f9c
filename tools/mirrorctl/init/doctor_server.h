#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// The administration's port, the identity with which it is called, and what the server says of itself:
/// clock, disk, mirrors, keys. Only looks. `interval_ms`: how often the agent runs whose configuration is
/// here; 0: not known.
void ExamineServer(const ControlConfig& config, std::int64_t interval_ms, DoctorReport& report);

/// What to do about a clock.
inline constexpr char kSetTheClock[] = "set the clock by a time service (chrony, systemd-timesyncd)";

/// Compares a server's clock with this one. `asked_ms` and `after_ms` are the times here before the question
/// and when the answer had come. False: they are too far from each other.
bool ExamineClock(const std::string& step, std::int64_t server_ms, std::int64_t asked_ms,
                  std::int64_t after_ms, DoctorReport& report);

/// Whether this machine's clock can be right: none of these certificates, which lie here, is from the future.
/// Says nothing when it can; when it cannot, all other steps would only repeat it.
bool ExamineClockHere(const std::vector<std::string>& certificates, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_
