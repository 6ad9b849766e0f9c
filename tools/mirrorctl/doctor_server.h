#ifndef MIRROR_TOOLS_MIRRORCTL_DOCTOR_SERVER_H_
#define MIRROR_TOOLS_MIRRORCTL_DOCTOR_SERVER_H_

#include <cstdint>
#include <string>

#include "tools/mirrorctl/control_config.h"
#include "tools/mirrorctl/doctor_report.h"

namespace mirror {

/// The administration's port, the identity with which it is called, and what the server says of itself:
/// clock, disk, mirrors, keys. Only looks.
void ExamineServer(const ControlConfig& config, DoctorReport& report);

/// Compares a server's clock with this one. `after_ms` is the time here when the answer had come.
void ExamineClock(const std::string& step, std::int64_t server_ms, std::int64_t after_ms,
                  DoctorReport& report);

/// Whether this machine's clock can be right: our own certificates are not from the future. Says nothing when
/// it can; when it cannot, all other steps would only repeat it.
bool ExamineClockHere(const ControlConfig& config, DoctorReport& report);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_DOCTOR_SERVER_H_
