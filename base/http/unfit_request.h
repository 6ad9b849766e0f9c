#ifndef MIRROR_BASE_HTTP_UNFIT_REQUEST_H_
#define MIRROR_BASE_HTTP_UNFIT_REQUEST_H_

#include <optional>
#include <string>
#include <utility>

#include "base/http/message.h"

namespace mirror {

/// Returns the status and the message with which a request is refused that another program, such as a proxy,
/// might read differently, or that this listener does not read at all. Absent: the request is clear.
/// `version`: 10 or 11.
std::optional<std::pair<int, std::string>> WhyUnfit(const HttpHead& head, unsigned version);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_UNFIT_REQUEST_H_
