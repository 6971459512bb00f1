package keyring

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// awsKey opens aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID. Credentials,
// proxies and another endpoint (AWS_ENDPOINT_URL_KMS) come from where the AWS
// tools take them. The use is in the encryption context, as associatedData.
func awsKey(ctx context.Context, uri string) (tink.AEADWithContext, func(), error) {
	id := strings.TrimPrefix(uri, "aws-kms://")
	name, err := arn.Parse(id)
	if err != nil || name.Service != "kms" || name.Region == "" {
		return nil, nil, fmt.Errorf("%q is not the ARN of a KMS key", id)
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true })
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(name.Region), config.WithHTTPClient(client))
	if err != nil {
		return nil, nil, err
	}
	a, err := awskms.NewAEADWithContext(ctx, id, awskms.WithKMS(kms.NewFromConfig(cfg)),
		awskms.WithEncryptionContextName(awskms.AssociatedData))
	return a, func() {}, err
}
