#ifndef MIRROR_BASE_HTTP_CONNECTION_H_
#define MIRROR_BASE_HTTP_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <list>
#include <memory>
#include <string>

#include "base/http/body_room.h"
#include "base/http/listener.h"
#include "base/http/message.h"
#include "base/http/turns.h"

namespace mirror {

/// One connection of a listener. All its work runs in the listener's thread, except the door's, which
/// HttpTurns runs.
class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  virtual void Run() = 0;
  /// Ends the connection in any state.
  virtual void Close() = 0;
  /// A request was admitted and is not answered yet. A request without an API key counts only once its body
  /// is complete: a stranger's announcement of a body reserves no place.
  bool has_asked() const { return has_asked_; }
  /// A body was admitted and is incomplete.
  bool is_taking_body() const { return is_taking_body_; }
  /// An answer is being sent.
  bool is_writing() const { return is_writing_; }
  /// That answer is a stream.
  bool is_streaming() const { return is_streaming_; }

  /// A request was admitted for an asker with a name, see HttpAdmission::asker.
  bool is_known() const { return is_known_; }

  // Used by the listener.
  std::list<std::shared_ptr<HttpConnection>>::iterator place;
  std::string group;        ///< Result of AddressGroup(). Empty: its address has no limit.
  bool is_counted = false;  ///< Counted among the strangers of its group.
  bool is_let_go = false;   ///< It was closed, and has not called Left() yet.
  bool has_rested = false;  ///< One of its requests was answered.

 protected:
  bool is_known_ = false, has_asked_ = false, is_taking_body_ = false, is_writing_ = false,
       is_streaming_ = false;
};

/// The listener's interface for its connections. It must outlive them.
class HttpConnectionHost {
 public:
  virtual ~HttpConnectionHost() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual HttpDoor& door() = 0;
  virtual HttpTurns& turns() = 0;
  virtual HttpBodyRoom& body_room() = 0;
  /// True: no more requests are accepted.
  virtual bool is_stopping() const = 0;
  /// Reports: its answer was sent and it waits for another request. It may be closed for another connection.
  virtual void Rests(HttpConnection& connection) = 0;
  /// Reports: its first request was admitted for an asker with a name.
  virtual void Knows(HttpConnection& connection) = 0;
  /// True: a stranger, when there are so many that none may keep its connection for another request.
  virtual bool IsOfCrowd(const HttpConnection& connection) const = 0;
  /// Reports the end: no more work of the connection follows.
  virtual void Left(HttpConnection& connection) = 0;
};

/// `tls`: null means plain text.
std::shared_ptr<HttpConnection> MakeHttpConnection(HttpConnectionHost& host,
                                                   boost::asio::ip::tcp::socket socket,
                                                   std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_CONNECTION_H_
