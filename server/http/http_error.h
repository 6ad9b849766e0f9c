#ifndef MIRROR_SERVER_HTTP_HTTP_ERROR_H_
#define MIRROR_SERVER_HTTP_HTTP_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/http/message.h"
#include "base/json_writer.h"

// What the door answers: JSON, also where something went wrong.

namespace mirror {

inline constexpr char kJsonType[] = "application/json";

HttpAnswer JsonAnswer(JsonWriter json, int status = 200);
HttpAnswer JsonAnswer(std::string json, int status = 200);
/// {"status":409,"code":"FAILED_PRECONDITION","message":"..."}. `more`: members behind those, begun with a
/// comma.
HttpAnswer ErrorAnswer(const absl::Status& status, std::string_view more = "");
/// Of a status of HTTP that is none of ours: what the listener itself refuses.
HttpAnswer ErrorAnswer(int status, std::string_view code, std::string_view message,
                       std::string_view more = "");

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_ERROR_H_
