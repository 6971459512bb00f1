package keyring

import (
	"context"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"
)

// googleKey opens gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K over
// gRPC, at the endpoint if it is not "". Credentials come from where the Google
// tools take them.
func googleKey(endpoint string) func(context.Context, string) (tink.AEADWithContext, func(), error) {
	return func(ctx context.Context, uri string) (tink.AEADWithContext, func(), error) {
		var options []option.ClientOption
		if endpoint != "" {
			options = append(options, option.WithEndpoint(endpoint))
		}
		client, err := gcpkms.NewClient(ctx, uri, gcpkms.WithGoogleAPIClientOptions(options...))
		if err != nil {
			return nil, nil, err
		}
		done := func() { _ = client.Close() } // nothing is under way
		a, err := client.GetAEAD(uri)
		if err != nil {
			done()
			return nil, nil, err
		}
		return a.(tink.AEADWithContext), done, nil //nolint:forcetypeassert // What gcpkms returns over gRPC is one.
	}
}
