#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/init/doctor_report.h"

namespace mirror {

/// Checks the administration's port, the client's identity there, and the server's own report: clock, disk,
/// mirrors, keys. Changes nothing. `interval_ms`: interval of the agent whose configuration is on this
/// machine; 0: not known.
void ExamineServer(const ControlConfig& config, std::int64_t interval_ms, DoctorReport& report);

/// The advice for a wrong clock.
inline constexpr char kSetTheClock[] = "set the clock by a time service (chrony, systemd-timesyncd)";

/// Compares a server's clock with this machine's. `asked_ms`, `after_ms`: the times of this machine before
/// the request and after the answer. Returns false if the clocks differ too much.
bool ExamineClock(const std::string& step, std::int64_t server_ms, std::int64_t asked_ms,
                  std::int64_t after_ms, DoctorReport& report);

/// Checks that this machine's clock can be right: none of these local certificates becomes valid in the
/// future. It reports only a failure. Other steps would then fail for the same reason.
bool ExamineClockHere(const std::vector<std::string>& certificates, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DOCTOR_SERVER_H_
